import { useId } from 'preact/hooks';

interface Props<Value extends string> {
  /** What is chosen; read out, not shown. */
  label: string;
  options: readonly (readonly [value: Value, shown: string])[];
  value: Value;
  onChange: (value: Value) => void;
}

/** One of a few, side by side: radio buttons, so that arrow keys move among them. */
export function Choice<Value extends string>({ label, options, value, onChange }: Props<Value>) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map(([option, shown]) => (
        <label key={option}>
          <input type="radio" name={name} checked={option === value} onChange={() => onChange(option)} />
          <span>{shown}</span>
        </label>
      ))}
    </fieldset>
  );
}
