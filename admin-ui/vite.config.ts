import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The gateway's policy allows no inline style, and SvelteKit's announcer of page titles has one. */
const announcerWithoutInlineStyle: Plugin = {
  name: 'announcer-without-inline-style',
  enforce: 'pre',
  transform: {
    filter: { id: /kit\/src\/runtime\/components\/root\.svelte$/ },
    handler(code) {
      const styled = /style="position: absolute;[^"]*"/;
      if (!styled.test(code)) this.error('the announcer is not as it was: does it still need this?');
      return { code: code.replace(styled, 'class="unseen"'), map: null };
    },
  },
};

/** What is changed in the remote desktop's packages. Each text stands there once, or they are not as they were. */
const ONCE = {
  markup: /return e\.innerHTML = t,/g,
  styles: /fi\(se, "style", B\(s\)\), fi\(Le, "style", B\(w\)\)/g,
  wasm: /"data:application\/wasm;base64,([A-Za-z0-9+/=]+)"/g,
};

/**
 * The remote desktop's component under our policy: its compiled templates become markup by a named policy, and its sizes
 * are set by script, not by style attributes.
 */
const desktopComponent: Plugin = {
  name: 'desktop-component',
  enforce: 'pre',
  transform: {
    filter: { id: /@devolutions\/iron-remote-desktop\/iron-remote-desktop\.js$/ },
    handler(code) {
      const once = [ONCE.markup, ONCE.styles].every((part) => [...code.matchAll(part)].length === 1);
      if (!once) this.error('the remote desktop’s component is not as it was');
      const policy =
        'const ours = (globalThis.trustedTypes ?? { createPolicy: (_, all) => all })' +
        ".createPolicy('desktop-trusted-html', { createHTML: (text) => text });\n";
      const markup = code.replace(ONCE.markup, 'return e.innerHTML = ours.createHTML(t),');
      return {
        code: policy + markup.replace(ONCE.styles, 'se.style.cssText = B(s), Le.style.cssText = B(w)'),
        map: null,
      };
    },
  },
};

/** WebAssembly as a file of its own, which is compressed, kept and compiled while it comes; its package has it as text. */
const desktopWasm: Plugin = {
  name: 'desktop-wasm',
  enforce: 'pre',
  transform: {
    filter: { id: /@devolutions\/iron-remote-desktop-rdp\/iron-remote-desktop-rdp\.js$/ },
    handler(code) {
      const [literal, ...more] = code.matchAll(ONCE.wasm);
      const source = Buffer.from(literal?.[1] ?? '', 'base64');
      if (!literal || more.length > 0 || source.subarray(0, 4).toString('latin1') !== '\0asm') {
        this.error('the remote desktop’s WebAssembly is not where it was');
      }
      // Prerendered pages run none of it.
      if (this.environment.name !== 'client') return { code: code.replace(literal[0], '""'), map: null };
      const file = this.emitFile({ type: 'asset', name: 'desktop.wasm', source });
      return { code: code.replace(literal[0], `import.meta.ROLLUP_FILE_URL_${file}`), map: null };
    },
  },
};

export default defineConfig({
  plugins: [
    announcerWithoutInlineStyle,
    desktopComponent,
    desktopWasm,
    sveltekit({
      adapter: adapter({ fallback: '404.html', precompress: true }),
      compilerOptions: { runes: true },
      // A constant: the same sources give the same bytes. An open page asks its gateway, not for a newer page.
      version: { name: 'passerelle', pollInterval: 0 },
    }),
  ],
  // Browsers of 2021: SvelteKit's own runtime calls `Object.hasOwn`.
  build: { target: ['chrome93', 'firefox92', 'safari15.4'], assetsInlineLimit: 0 },
  test: { include: ['src/**/*.test.ts'] },
});
