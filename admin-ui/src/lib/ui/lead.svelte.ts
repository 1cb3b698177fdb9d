// Whoever changed the page is led to its new beginning: to keys and screen readers it would otherwise be lost.
import { tick } from 'svelte';

export async function lead(): Promise<void> {
  await tick();
  document.querySelector<HTMLElement>('[data-focus]')?.focus();
}

/** The same once what held the focus is gone; not if they have gone on by themselves meanwhile. */
export async function leadOnward(): Promise<void> {
  await tick();
  if (document.activeElement === document.body) document.querySelector<HTMLElement>('h1')?.focus();
}

/** The same whenever this changes; not to what is shown first, nor after nothing (null) was shown. */
export function leadOn(what: () => string | null): void {
  let shown: string | null = null;
  $effect(() => {
    const now = what();
    const changed = shown !== null && now !== null && shown !== now;
    shown = now;
    if (changed) void lead();
  });
}
