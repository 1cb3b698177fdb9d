// The parts of the house, each with words of its own: a page loads those of its area. English is the measure of all.
import type computers from './computers/en.ts';
import type console from './console/en.ts';
import type desktop from './desktop/en.ts';
import type fleet from './fleet/en.ts';
import type outside from './outside/en.ts';
import type passkey from './passkey/en.ts';
import type invitation from './invitation/en.ts';
import type joining from './joining/en.ts';
import type homework from './homework/en.ts';
import type mail from './mail/en.ts';
import type people from './people/en.ts';
import type places from './places/en.ts';
import type pools from './pools/en.ts';
import type portal from './portal/en.ts';
import type seats from './seats/en.ts';
import type self from './self/en.ts';
import type setup from './setup/en.ts';
import type settings from './settings/en.ts';
import type watch from './watch/en.ts';

export interface Areas {
  portal: typeof portal;
  /** What the console's pages share; overview and devices. */
  console: typeof console;
  /** Before the door, in the internet. */
  outside: typeof outside;
  /** An invitation's steps, some of which are taken later, too: a device, a telephone, a password. */
  invitation: typeof invitation;
  /** The end of an invitation: the device connects. */
  joining: typeof joining;
  /** What an office PC does, and how a wake goes. */
  computers: typeof computers;
  /** A PC's desktop in the browser. */
  desktop: typeof desktop;
  /** Office PCs as IT sees them, and their agents. */
  fleet: typeof fleet;
  /** Pools of office PCs as IT sees them, and what is booked of them. */
  pools: typeof pools;
  /** What people read, accept and answer for working from home; whom they call. */
  homework: typeof homework;
  /** What becomes of a mail. */
  mail: typeof mail;
  /** People, groups, invitations. */
  people: typeof people;
  /** Resources, and who may reach them. */
  places: typeof places;
  /** Live, audit, health. */
  watch: typeof watch;
  /** Passkeys: where they are offered. */
  passkey: typeof passkey;
  /** Before the gateway is set up. */
  setup: typeof setup;
  /** Pools of office PCs: seats, lines, bookings. */
  seats: typeof seats;
  /** Settings, tokens. */
  settings: typeof settings;
  /** One's own security and data; drives, their check, help. */
  self: typeof self;
}

export type Area = keyof Areas;

/** An area's sentences in one language. Those under `problems` belong to the slugs of the API. */
export type Texts = Record<string, string | Record<string, string>> & { problems?: Record<string, string> };
