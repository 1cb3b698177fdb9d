// The seam to what speaks RDP in the browser: all that this house knows of it is here, and another may take its place.
// Loaded by the desktop's page alone, and once: WebAssembly that has failed stays so until the page is loaded anew.
import type { FileTransferProvider, IronError, UserInteraction } from '@devolutions/iron-remote-desktop';
import type { Account } from './account.ts';
import type { Fault } from './end.ts';
import type { Carrier, Files } from './files.svelte.ts';
import type { Size } from './size.ts';

type Backend = typeof import('@devolutions/iron-remote-desktop-rdp');

/** A desktop that is shown. */
export interface Shown {
  /** The size that the PC gave it. */
  size: Size;
  /** Settles with its end, whatever it is. */
  over: Promise<Fault | null>;
  focus(): void;
  /** Keys that are held down are let go. */
  release(): void;
  scale(to: Scale): void;
  /** By character, or by key. */
  characters(on: boolean): void;
  ctrlAltDel(): void;
  windowsKey(): void;
  sendClipboard(): Promise<void>;
  takeClipboard(): Promise<void>;
  close(): void;
  /** Before its place goes: what it has set itself to do finds nothing there. */
  hide(): void;
}

export type Scale = 'fit' | 'real';

export interface Wanted {
  account: Account;
  password: string;
  ticket: string;
  /** Where to, for what the PC is told; the gateway knows by the ticket. */
  pc: string;
  wire: string;
  size: Size;
  /** The PC has a clipboard; what is sent to one that has none would end it all. */
  onclipboard: () => void;
  /** The PC has something on its clipboard. */
  oncopied: () => void;
  /** What the PC asks for and gives goes there. */
  files: Files;
}

/** No message is longer: the gateway takes 1 MiB at most, and what somebody copied may be longer. */
const MESSAGE = 256 * 1024;
/** What a browser answers at once, if it does at all. */
const CLIPBOARD_MS = 500;
/** The component's own numbers; it exports no names for them. */
const SCALES: Record<Scale, 1 | 3> = { fit: 1, real: 3 };
const KINDS: Record<number, Fault['kind']> = { 1: 'sign-in', 2: 'sign-in', 4: 'gateway', 5: 'line', 6: 'negotiation' };

let loading: Promise<Backend> | null = null;

/** Begins to load it; the second time is the first again, unless that failed. */
export function load(): Promise<Backend> {
  loading ??= (async () => {
    const [backend] = await Promise.all([
      import('@devolutions/iron-remote-desktop-rdp'),
      import('@devolutions/iron-remote-desktop'),
    ]);
    await backend.init('OFF');
    return backend;
  })();
  loading.catch(() => (loading = null));
  return loading;
}

/** What it threw: an error of its own, or any other. */
export function faultOf(error: unknown): Fault {
  const { kind, rdcleanpathDetails } = (error ?? {}) as Partial<IronError>;
  try {
    const details = rdcleanpathDetails?.call(error);
    return { kind: KINDS[kind?.call(error) ?? 0] ?? 'other', status: details?.httpStatusCode ?? null };
  } catch {
    return { kind: 'other', status: null };
  }
}

/** The component, which says besides when the PC asks for a clipboard, as it does once if it has one. */
function tellsOfClipboard({ Backend: module }: Backend, onclipboard: () => void): Backend['Backend'] {
  class SessionBuilder extends module.SessionBuilder {
    override forceClipboardUpdateCallback(callback: () => void) {
      return super.forceClipboardUpdateCallback(() => {
        onclipboard();
        callback();
      });
    }
  }
  return { ...module, SessionBuilder };
}

/** Files on the way. The package has a provider of its own, which takes none as long as one is not pasted. */
function carried(backend: Backend, files: Files): FileTransferProvider {
  let session: Parameters<FileTransferProvider['setSession']>[0] | null = null;
  let lock: number | undefined;
  const tell = (extension: unknown) => {
    if (!session) throw new Error('nothing is shown');
    session.invokeExtension(extension);
  };
  const { RANGE, SIZE } = backend.FileContentsFlags;
  const ask = (id: number, nth: number, flags: number, position: number, size: number) =>
    tell(
      backend.requestFileContents({
        stream_id: id,
        file_index: nth,
        flags,
        position,
        size,
        ...(lock === undefined ? {} : { clip_data_id: lock }),
      }),
    );
  const carrier: Carrier = {
    offer: (all) => tell(backend.initiateFileCopy(all)),
    measure: (id, nth) => ask(id, nth, SIZE, 0, 8),
    ask: (id, nth, from, bytes) => ask(id, nth, RANGE, from, bytes),
    answer: (id, bytes) =>
      tell(backend.submitFileContents({ stream_id: id, is_error: bytes === null, data: bytes ?? new Uint8Array() })),
  };
  files.carriedBy(carrier);
  // An element that was closed may hear of a PC that does not end it.
  let alive = true;
  const ifAlive =
    <T extends unknown[]>(what: (...of: T) => void) =>
    (...of: T): void => {
      if (alive) what(...of);
    };
  return {
    getBuilderExtensions: () => [
      backend.filesAvailableCallback(
        ifAlive((all, id) => {
          lock = id;
          files.came(all);
        }),
      ),
      // The PC's clipboard has changed.
      backend.locksExpiredCallback(ifAlive(() => files.withdrawn())),
      backend.lockCallback(ifAlive((id) => files.locked(id))),
      backend.unlockCallback(ifAlive((id) => files.unlocked(id))),
      backend.fileContentsRequestCallback(
        ifAlive(({ flags, dataId, ...asked }) => {
          void files.asked({ ...asked, measured: (flags & SIZE) !== 0, lock: dataId });
        }),
      ),
      backend.fileContentsResponseCallback(
        ifAlive(({ streamId, isError, data }) => files.answered(streamId, isError ? null : data)),
      ),
    ],
    setSession: (now) => (session = now),
    dispose: () => {
      alive = false;
      files.leftBy(carrier);
    },
  };
}

/** An element of this place's own, and how it is spoken to. */
function placed(place: HTMLElement, module: Backend['Backend']): Promise<[HTMLElement, UserInteraction]> {
  return new Promise((ready) => {
    const element = Object.assign(document.createElement('iron-remote-desktop'), { module });
    element.setAttribute('scale', 'fit');
    element.setAttribute('flexcenter', 'true');
    element.addEventListener('ready', (event) => {
      const ui = (event as CustomEvent<{ irgUserInteraction: UserInteraction }>).detail.irgUserInteraction;
      // Here or never: otherwise it reads this computer's clipboard ten times a second.
      ui.setEnableAutoClipboard(false);
      ready([element, ui]);
    });
    place.replaceChildren(element);
  });
}

/** It looks first, at its own pace, what this browser lets it do with a clipboard; whoever connects before has none. */
async function settled(): Promise<void> {
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  const asked = async () => {
    await turn();
    await navigator.permissions.query({ name: 'clipboard-read' as PermissionName }).catch(() => undefined);
    await turn();
  };
  await Promise.race([asked(), new Promise((resolve) => setTimeout(resolve, CLIPBOARD_MS))]);
}

/** Connects; throws what `faultOf` reads. */
export async function show(place: HTMLElement, wanted: Wanted): Promise<Shown> {
  const backend = await load();
  const [element, ui] = await placed(place, tellsOfClipboard(backend, wanted.onclipboard));
  await settled();
  ui.enableFileTransfer(carried(backend, wanted.files));
  const config = ui
    .configBuilder()
    .withUsername(wanted.account.user)
    .withPassword(wanted.password)
    .withServerDomain(wanted.account.domain)
    .withDestination(`${wanted.pc}:3389`)
    .withProxyAddress(wanted.wire)
    .withAuthToken(wanted.ticket)
    .withDesktopSize(wanted.size)
    .withExtension(backend.outboundMessageSizeLimit(MESSAGE))
    .build();
  ui.onClipboardRemoteUpdateCallback(wanted.oncopied);
  const { initialDesktopSize: size, run } = await ui.connect(config);
  ui.setVisibility(true);
  const canvas = element.shadowRoot?.querySelector('canvas');
  const ended = run().then(
    () => null,
    (error: unknown) => faultOf(error),
  );
  return {
    size: { width: size.width, height: size.height },
    over: ended,
    focus: () => canvas?.focus({ preventScroll: true }),
    // What it does when the mouse leaves; it has no word for it.
    release: () => canvas?.dispatchEvent(new MouseEvent('mouseleave')),
    scale: (to) => ui.setScale(SCALES[to]),
    characters: (on) => ui.setKeyboardUnicodeMode(on),
    ctrlAltDel: () => ui.ctrlAltDel(),
    windowsKey: () => ui.metaKey(),
    sendClipboard: () => ui.sendClipboardData(),
    takeClipboard: () => ui.saveRemoteClipboardData(),
    close: () => ui.shutdown(),
    hide: () => {
      ui.setVisibility(false);
      element.setAttribute('flexcenter', 'false');
    },
  };
}
