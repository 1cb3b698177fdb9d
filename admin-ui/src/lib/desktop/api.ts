// What the gateway is asked of a desktop in the browser.
import type { NoEntry } from '#lib/api/document.d.ts';
import { send } from '../api/client.ts';

/** Whether one may go to a PC now. */
export interface MyEntry {
  desktop: string | null;
  /** Good once, for half a minute. */
  ticket: string | null;
  refused: NoEntry | null;
  /** It has to be woken first. */
  away: boolean;
}

/** Why it ended. */
export type BrowserEnd =
  | 'by_device'
  | 'by_pc'
  | 'sign_in'
  | 'certificate'
  | 'no_nla'
  | 'silent'
  | 'refused'
  | 'not_allowed'
  | 'ended'
  | 'moved'
  | 'gateway';

/** A desktop of one's own, until ten minutes after its end. */
export interface MyDesktop {
  desktop: string;
  workstation: string;
  state: 'coming' | 'there' | 'ended';
  since: number;
  rx: number;
  tx: number;
  round_trip_ms: number | null;
  end: BrowserEnd | null;
  refused: NoEntry | null;
}

const at = (id: string) => `/api/v1/me/desktops/${encodeURIComponent(id)}`;

export const ask = async (pc: string): Promise<MyEntry> =>
  (await send<MyEntry>('post', `/api/v1/me/workstations/${encodeURIComponent(pc)}/desktop`)).value;

export const look = async (id: string): Promise<MyDesktop> => (await send<MyDesktop>('get', at(id))).value;

export const finish = async (id: string): Promise<void> => void (await send<null>('delete', at(id)));

/** Where the picture comes from; the ticket goes as its first message, never in an address. */
export const wire = (): string => `wss://${location.host}/api/v1/me/desktop`;
