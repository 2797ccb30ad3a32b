/** The button of a form. The second click of a double click is none, also where the first one was answered by then. */
export function Submit({ children }: { children: string }) {
  return (
    <button type="submit" onClick={(event) => event.detail > 1 && event.preventDefault()}>
      {children}
    </button>
  );
}
