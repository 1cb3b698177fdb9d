import type { Messages } from './en.ts';

export default {} satisfies Messages;
