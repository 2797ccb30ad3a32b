/**
 * Cuts a list, in order, into as few pieces as fit: each at most so many bytes of UTF-8 text. A text that is
 * longer by itself is a piece by itself.
 */
export function piecesOf<T>(list: readonly T[], textOf: (item: T) => string, maxBytes: number): T[][] {
  const pieces: T[][] = [];
  const encoder = new TextEncoder();
  let room = 0;
  for (const item of list) {
    const bytes = encoder.encode(textOf(item)).length;
    const piece = pieces.at(-1);
    if (piece && bytes <= room) piece.push(item);
    else {
      pieces.push([item]);
      room = maxBytes;
    }
    room -= bytes;
  }
  return pieces;
}
