// What is booked of the pools that one may use, and booking oneself.
import type { Book, MyBooking } from '#lib/api/document.d.ts';
import { call, post, read } from '../api/client.ts';
import { Known, Task } from '../api/task.svelte.ts';
import { boundsOf } from '../computers/day.ts';
import { AHEAD_DAYS, dayAfter, dayOf } from './day.ts';

export class MyBookings extends Task {
  readonly known = new Known(async () => {
    const today = dayOf(Date.now());
    // Whoever begins on the last day may end on the next.
    const query = { from: boundsOf(today).from, to: boundsOf(dayAfter(today, AHEAD_DAYS + 1)).to };
    return (await read('/api/v1/me/bookings', { query })).value;
  });
  /** What was done last. */
  made = $state.raw<MyBooking | null>(null);
  given = $state.raw<MyBooking | null>(null);
  /** What went wrong did so with a booking, not with giving one back. */
  booking = $state(false);

  book = (body: Book): Promise<boolean> =>
    this.#do(true, async () => {
      try {
        this.made = (await post('/api/v1/me/bookings', { body })).value;
      } finally {
        // Whoever was sooner is shown.
        await this.known.load();
      }
    });

  giveBack = (booking: MyBooking): Promise<boolean> =>
    this.#do(false, async () => {
      try {
        await call('delete', '/api/v1/me/bookings/{booking}', { path: { booking: booking.id ?? '' } });
        this.given = booking;
      } finally {
        await this.known.load();
      }
    });

  #do(booking: boolean, request: () => Promise<void>): Promise<boolean> {
    if (!this.busy) {
      this.booking = booking;
      this.made = null;
      this.given = null;
    }
    return this.run(request);
  }
}
