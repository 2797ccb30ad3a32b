/** A text that may have many lines: the first, and the others when they are asked for. */
export function Lines({ text }: { text: string }) {
  const [first = '', ...others] = text.split('\n');
  if (others.length === 0) return <>{text}</>;
  return (
    <details>
      <summary>{first}</summary>
      {others.join('\n')}
    </details>
  );
}
