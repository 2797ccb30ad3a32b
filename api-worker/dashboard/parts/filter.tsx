import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

interface Props {
  label: string;
  /** Null: none. */
  value: string | null;
  placeholder: string;
  type?: 'text' | 'search';
  /** Id of a list of what may be meant. */
  list?: string;
  /** Is told when Enter is pressed, or the field is left. */
  onChange: (value: string | null) => void;
  children?: ComponentChildren;
}

/** A field for what is to be shown. What is being typed stays, whatever is loaded meanwhile. */
export function Filter({ label, value, onChange, children, ...rest }: Props) {
  const [draft, setDraft] = useState(value ?? '');
  useEffect(() => setDraft(value ?? ''), [value]);
  return (
    <label class="scope">
      {label}
      <input
        {...rest}
        value={draft}
        onInput={({ currentTarget }) => setDraft(currentTarget.value)}
        onChange={({ currentTarget }) => onChange(currentTarget.value.trim() || null)}
      />
      {children}
    </label>
  );
}
