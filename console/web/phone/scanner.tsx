import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../parts/icons.tsx";
import { t } from "../texts/index.ts";
import { batchIdOf } from "../../../desk/batch-id.ts";

/** Between two looks at the camera's picture. */
const LOOK_MS = 120;
/** A photo of today's phones has twelve megapixels; a code fills enough of it at a fraction. */
const LONGEST_SIDE = 1600;

interface ScannerProps {
  readonly onFound: (batchId: string) => void;
}

/** Reads a reel's QR code from the camera, or from a photo where that is not to be had. */
export function Scanner({ onFound }: ScannerProps): JSX.Element {
  const [scanning, setScanning] = useState(false);
  const [words, setWords] = useState<string>();
  const found = (text: string): boolean => {
    const id = batchIdOf(text);
    if (id === undefined) {
      setWords(t.phone.notAReel);
      return false;
    }
    setScanning(false);
    setWords(undefined);
    onFound(id);
    return true;
  };
  const photo = async (file: File): Promise<void> => {
    setWords(undefined);
    const text = await textIn(await pixelsOf(file));
    if (text === undefined) setWords(t.phone.noCode);
    else found(text);
  };
  return (
    <>
      {scanning && (
        <Camera
          onText={found}
          onStop={() => setScanning(false)}
          onFailed={() => {
            setScanning(false);
            setWords(t.phone.noCamera);
          }}
        />
      )}
      <div class="scan-buttons">
        <button type="button" class="button" disabled={scanning} onClick={() => setScanning(true)}>
          <Icon name="camera" />
          {t.phone.scan}
        </button>
        <label class="button">
          <Icon name="photo" />
          {t.phone.photo}
          <input
            type="file"
            accept="image/*"
            onChange={({ currentTarget }) => {
              const [file] = currentTarget.files ?? [];
              currentTarget.value = "";
              if (file !== undefined) photo(file).catch(() => setWords(t.phone.noCode));
            }}
          />
        </label>
      </div>
      <p class="wrong" role="status">
        {words}
      </p>
    </>
  );
}

interface CameraProps {
  readonly onText: (text: string) => boolean;
  readonly onStop: () => void;
  readonly onFailed: () => void;
}

function Camera({ onFailed, onStop, onText }: CameraProps): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const stop = new AbortController();
    look(video.current, onText, stop.signal).catch(() => {
      if (!stop.signal.aborted) onFailed();
    });
    return () => stop.abort();
  }, []);
  return (
    <div class="viewfinder">
      <video ref={video} playsInline muted />
      <p role="status">{t.phone.aim}</p>
      <button type="button" class="button button-small" onClick={onStop}>
        {t.phone.stop}
      </button>
    </div>
  );
}

/** Looks through the camera until something is read that will do. @throws when there is no camera, or it may not be used */
async function look(
  video: HTMLVideoElement | null,
  onText: (text: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  if (video === null) return;
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 } },
  });
  const tracks = stream.getTracks();
  try {
    if (signal.aborted) return;
    video.srcObject = stream;
    await video.play();
    while (!signal.aborted) {
      const text =
        video.videoWidth === 0 ? undefined : await textIn(pixels(video, video.videoWidth, video.videoHeight));
      if (signal.aborted || (text !== undefined && onText(text))) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    for (const track of tracks) track.stop();
  }
}

async function pixelsOf(file: File): Promise<ImageData> {
  const picture = await createImageBitmap(file);
  try {
    return pixels(picture, picture.width, picture.height);
  } finally {
    picture.close();
  }
}

function pixels(picture: CanvasImageSource, width: number, height: number): ImageData {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const canvas = new OffscreenCanvas(w, h).getContext("2d", { willReadFrequently: true });
  if (canvas === null) throw new Error("no canvas");
  canvas.drawImage(picture, 0, 0, w, h);
  return canvas.getImageData(0, 0, w, h);
}

/** The reader is loaded when the first picture is to be read, and comes from the console like all else. */
async function textIn(picture: ImageData): Promise<string | undefined> {
  const { readQr } = await import("./reader.ts");
  return await readQr(picture);
}
