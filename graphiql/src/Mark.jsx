/** Kith's mark: two linked rings. `size` in CSS pixels. */
export function Mark({ size }) {
  return (
    <svg className="kith-mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--kith-accent)" />
      <g fill="none" stroke="var(--kith-on-accent)" strokeWidth="2.5">
        <circle cx="12.5" cy="16" r="5.5" />
        <circle cx="19.5" cy="16" r="5.5" />
      </g>
    </svg>
  );
}
