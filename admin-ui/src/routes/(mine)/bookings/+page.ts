import { browser } from '$app/env';
import { reader } from '#lib/messages/reader.svelte.ts';

export const load = async (): Promise<void> => {
  if (browser) await reader.want('seats');
};
