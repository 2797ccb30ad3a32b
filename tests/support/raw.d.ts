/** A configuration file's text, as Vite gives it. */
declare module '*.toml?raw' {
  const text: string;
  export default text;
}
