// What the gateway is asked of a desktop in the browser.
import type { MyDesktop, MyEntry } from '#lib/api/document.d.ts';
import { call, post, read, type Answer } from '../api/client.ts';

export const ask = async (workstation: string): Promise<MyEntry> =>
  (await post('/api/v1/me/workstations/{workstation}/desktop', { path: { workstation } })).value;

export const look = (desktop: string): Promise<Answer<MyDesktop>> =>
  read('/api/v1/me/desktops/{desktop}', { path: { desktop } });

export const finish = async (desktop: string): Promise<void> =>
  void (await call('delete', '/api/v1/me/desktops/{desktop}', { path: { desktop } }));

/** Where the picture comes from; the ticket goes as its first message, never in an address. */
export const wire = (): string => `wss://${location.host}/api/v1/me/desktop`;
