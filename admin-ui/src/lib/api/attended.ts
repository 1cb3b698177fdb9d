// Whether somebody is at this page: what it asks of its own accord keeps nobody signed in.

/** The gateway's name for a request of the page's own accord. */
export const UNATTENDED = 'passerelle-unattended';

/** So long after somebody touched the page, what it asks is still their doing; the slowest page asks every 15 seconds. */
const STILL_MS = 30_000;

const TOUCHES = ['pointerdown', 'keydown', 'wheel', 'touchmove'];

/** Somebody opened the page. */
let touchedAt = performance.now();

if (typeof window !== 'undefined') {
  const touched = () => (touchedAt = performance.now());
  for (const touch of TOUCHES) window.addEventListener(touch, touched, { capture: true, passive: true });
}

/** What a request that changes nothing says of it. */
export const unattended = (now = performance.now()): Record<string, string> =>
  now - touchedAt > STILL_MS ? { [UNATTENDED]: '1' } : {};
