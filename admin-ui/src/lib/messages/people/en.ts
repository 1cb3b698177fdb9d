const en = {};

/** What every language has. */
export type Messages = typeof en;

export default en;
