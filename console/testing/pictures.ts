import { encode } from "uqr";

const WIDTH = 640;
const HEIGHT = 480;
const FRAMES = 10;
const WHITE = 235;
const BLACK = 16;
const GREY = 128;

/**
 * What a camera sees that is held before a QR code: a film in YUV4MPEG2, as Chromium takes it for its fake camera.
 * @param text what the code says
 */
export function filmOf(text: string): Buffer {
  const { data, size } = encode(text, { ecc: "Q", border: 4 });
  const scale = Math.floor((HEIGHT * 0.8) / size);
  const [left, top] = [Math.floor((WIDTH - size * scale) / 2), Math.floor((HEIGHT - size * scale) / 2)];
  const light = Buffer.alloc(WIDTH * HEIGHT, 180);
  for (let y = 0; y < size * scale; y += 1) {
    for (let x = 0; x < size * scale; x += 1) {
      const dark = data[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true;
      light[(top + y) * WIDTH + left + x] = dark ? BLACK : WHITE;
    }
  }
  const colour = Buffer.alloc((WIDTH * HEIGHT) / 2, GREY);
  const frame = Buffer.concat([Buffer.from("FRAME\n"), light, colour]);
  const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`);
  return Buffer.concat([head, ...Array.from({ length: FRAMES }, () => frame)]);
}
