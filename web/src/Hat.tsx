import type { SVGProps } from 'react';
import hatUrl from '/hat.svg';

/** The hat and the name at the end of the row of tabs, and whose hat it is. */
export function Brand({ handle }: { handle: string | undefined }) {
  return (
    <span className="hatful-brand">
      {handle && <small>signed in as @{handle}</small>}
      <img src={hatUrl} alt="" width="24" height="24" />
      Hatful
    </span>
  );
}

/** The hat in one colour, for the side bar. */
export function HatIcon(props: SVGProps<SVGSVGElement>) {
  return (
    <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" {...props}>
      <circle cx="10" cy="3.6" r="2.4" />
      <path d="M1.5 8.5h17M4.5 8.5l1.2 8.2a1.5 1.5 0 0 0 1.5 1.3h5.6a1.5 1.5 0 0 0 1.5-1.3l1.2-8.2M5 12h10" strokeLinecap="round" />
    </svg>
  );
}
