import { startUpstream, type UpstreamOptions } from './server.ts';

/** The simulated OpenRouter as a program; see load/upstream/README.md for its environment. */
const { PORT, SIM_SEED, SIM_TTFT_MS, SIM_GAP_MS, SIM_CHUNKS, RECORDINGS_DIR } = process.env;
const options: UpstreamOptions = {
  port: Number(PORT ?? 8788),
  seed: Number(SIM_SEED ?? 1),
  ttftMs: Number(SIM_TTFT_MS ?? 0),
  gapMs: Number(SIM_GAP_MS ?? 0),
  chunks: Number(SIM_CHUNKS ?? 20),
  ...(RECORDINGS_DIR !== undefined && { recordingsDir: RECORDINGS_DIR }),
};

try {
  const upstream = await startUpstream(options);
  console.log(`ready ${upstream.url}`);
  const stop = () => void upstream.close().then(() => process.exit(0));
  process.once('SIGINT', stop).once('SIGTERM', stop);
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  console.error(code === 'EADDRINUSE' ? `Port ${options.port} is in use: set PORT to another.` : message);
  process.exit(1);
}
