// The way to the gateway's API. The types are made from its document, docs/openapi.json.
import type { paths, Problem, Slug } from '#lib/api/document.d.ts';

/** Then the gateway counts as silent. */
const PATIENCE_MS = 10_000;

type Json<T> = T extends { content: { 'application/json': infer Body } } ? Body : null;
type Success<R> = R extends { 200: infer Ok } ? Json<Ok> : R extends { 201: infer Ok } ? Json<Ok> : null;
type Call<P extends keyof paths, M extends keyof paths[P]> = paths[P][M] extends { responses: infer R }
  ? Success<R>
  : never;
type Body<P extends keyof paths, M extends keyof paths[P]> = paths[P][M] extends { requestBody: infer B }
  ? [body: Json<B>]
  : [];

/** An answer, with the gateway's own time of it in Unix milliseconds (whole seconds; this device's may be wrong). */
export interface Answer<T> {
  value: T;
  date: number | null;
}

/** Why there is no such answer. */
export class Refusal extends Error {
  constructor(
    /** What went wrong; `silent` if nothing came back. A later gateway may know slugs that this page does not. */
    readonly slug: Slug | 'silent',
    readonly waitSeconds: number | null = null,
    readonly reference: string | null = null,
    readonly date: number | null = null,
  ) {
    super(slug);
  }
}

export const read = <P extends keyof paths>(path: P): Promise<Answer<Call<P, 'get'>>> => send('GET', path);

export const post = <P extends keyof paths>(path: P, ...body: Body<P, 'post'>): Promise<Answer<Call<P, 'post'>>> =>
  send('POST', path, body[0]);

/** A change whose path says everything; what stands in braces is filled in. */
export const act = <P extends keyof paths>(path: P, values: Record<string, string>): Promise<Answer<Call<P, 'post'>>> =>
  send(
    'POST',
    path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? '')),
  );

async function send<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const response = await fetch(path, {
      method,
      signal: abort.signal,
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      // Also without a body: a form of another page cannot send this type, so the gateway asks for it.
      headers: method === 'GET' ? {} : { 'content-type': 'application/json' },
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
  return new Refusal(slug, problem?.retry_after ?? null, problem?.request ?? null, dateOf(response));
}
