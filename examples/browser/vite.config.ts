import { defineConfig } from 'vite';

export default defineConfig({
  // Relative addresses: the page works below any path.
  base: './',
  // The package brings amounts and prices as objects of this class; there must be one of it.
  resolve: { dedupe: ['decimal.js'] },
  // It finds its .wasm file beside itself, which bundling it in advance would break.
  optimizeDeps: { exclude: ['meshbook-web'], include: ['meshbook-web > eventemitter3'] },
  build: { target: 'es2022', assetsInlineLimit: 0, reportCompressedSize: true },
  server: { fs: { allow: ['../..'] } },
});
