// Whether the browser could tell of a turn, and may be asked for it. The door's own part knows more (`door/notify.ts`), but
// whatever is shared with it becomes a file of its own in everybody's first visit.

/** Only where a page goes on while it is not looked at. */
export const askable = (): boolean =>
  'Notification' in window &&
  Notification.permission === 'default' &&
  matchMedia('(hover: hover) and (pointer: fine)').matches;

/** The browser's own question: to be asked by a click only. */
export const ask = (): Promise<NotificationPermission> => Notification.requestPermission();
