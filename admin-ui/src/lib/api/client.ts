// The way to the gateway's API. The types are made from its document, docs/openapi.json.
import type { paths, Problem, Slug } from '#lib/api/document.d.ts';
import { unattended } from './attended.ts';

/** Then the gateway counts as silent. */
const PATIENCE_MS = 10_000;
/** What takes long, for a thousand people: longer than the gateway itself gives it. */
const SLOW: Partial<Record<keyof paths, number>> = { '/api/v1/users/import': 40_000 };

type Json<T> = T extends { content: { 'application/json': infer Body } } ? Body : null;
type Success<R> = R extends { 200: infer Ok } ? Json<Ok> : R extends { 201: infer Ok } ? Json<Ok> : null;
export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
/** The paths that know this method. */
type PathsOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;
type Called<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? Success<R> : never;
type BodyOf<O> = O extends { requestBody: infer B } ? { body: Json<B> } : unknown;
type QueryOf<O> = O extends { parameters: { query: infer Q } }
  ? { query: Q }
  : O extends { parameters: { query?: infer Q } }
    ? { query?: Q }
    : unknown;
type PathOf<O> = O extends { parameters: { path: infer V } } ? { path: V } : unknown;
type Input<P extends keyof paths, M extends Method> = BodyOf<Operation<P, M>> &
  QueryOf<Operation<P, M>> &
  PathOf<Operation<P, M>>;
/** Nothing to say where nothing is asked. */
type Inputs<I> = object extends I ? [input?: I] : [input: I];

/** An answer, with the gateway's own time of it in Unix milliseconds (whole seconds; this device's may be wrong). */
export interface Answer<T> {
  value: T;
  date: number | null;
}

/** Why a passkey gave nothing to send. */
export type Untouched = 'passkey-cancelled' | 'passkey-there' | 'passkey-unable';

/** Why there is no such answer. */
export class Refusal extends Error {
  constructor(
    /** What went wrong; `silent` if nothing came back. A later gateway may know slugs that this page does not. */
    readonly slug: Slug | 'silent' | 'page-failed' | Untouched,
    readonly waitSeconds: number | null = null,
    readonly reference: string | null = null,
    readonly date: number | null = null,
    /** What exactly, in English, for IT. */
    readonly detail: string | null = null,
  ) {
    super(slug);
  }
}

/** Asks for one thing of the API's: `call('get', '/api/v1/users/{user}', { path: { user } })`. */
export const call = <M extends Method, P extends PathsOf<M>>(
  method: M,
  path: P,
  ...[input]: Inputs<Input<P, M>>
): Promise<Answer<Called<P, M>>> => {
  const { path: values, query, body } = (input ?? {}) as Loose;
  return send(method, pathTo(path, values, query), body, SLOW[path]);
};

interface Loose {
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
}

export const read = <P extends PathsOf<'get'>>(path: P, ...input: Inputs<Input<P, 'get'>>) =>
  call<'get', P>('get', path, ...input);

export const post = <P extends PathsOf<'post'>>(path: P, ...input: Inputs<Input<P, 'post'>>) =>
  call<'post', P>('post', path, ...input);

/** The address: what stands in braces is filled in, and what is not asked is left away. */
export function pathTo(path: string, values: Record<string, string> = {}, query: Record<string, unknown> = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''));
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const text = new URLSearchParams(asked.map(([name, value]) => [name, `${value}`])).toString();
  return text ? `${filled}?${text}` : filled;
}

/** The same for what is in no document of the API's, or takes longer. */
export async function send<T>(
  method: Method,
  path: string,
  body?: unknown,
  patienceMs = PATIENCE_MS,
): Promise<Answer<T>> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), patienceMs);
  try {
    const response = await fetch(path, {
      method: method.toUpperCase(),
      signal: abort.signal,
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      // Also without a body: a form of another page cannot send this type, so the gateway asks for it.
      headers: method === 'get' ? unattended() : { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    if (response.status === 204) return { value: null as T, date: dateOf(response) };
    if (response.ok) return { value: (await response.json()) as T, date: dateOf(response) };
    throw await refused(response);
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('silent');
  } finally {
    clearTimeout(timer);
  }
}

const dateOf = (response: Response): number | null => Date.parse(response.headers.get('date') ?? '') || null;

/** What an answer that is no success says. */
export async function refused(response: Response): Promise<Refusal> {
  const problem = (await response.json()) as Partial<Problem> | null;
  const slug = (problem?.type ?? '').split(':').pop() as Slug;
  const { retry_after = null, request = null, detail = null } = problem ?? {};
  return new Refusal(slug, retry_after, request, dateOf(response), detail);
}
