import { render } from "preact";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Failure, Skeleton } from "./parts/basics.tsx";
import { SignIn } from "./parts/sign-in.tsx";
import { PhonePage } from "./phone/page.tsx";
import { known, remember } from "./phone/known.ts";
import { findMe, me, startProblem } from "./state/session.ts";

/** Who waits for longer goes on as who was here last; what they add is sent once the console has answered. */
const PATIENCE_MS = 3000;

function App(): JSX.Element {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    void findMe();
    const timer = setTimeout(() => setSlow(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (me.value !== undefined) remember(me.value);
  }, [me.value]);
  const away = me.value === undefined && (slow || startProblem.value !== undefined);
  const person = away ? known() : me.value;
  if (person === null) return <SignIn />;
  if (person !== undefined) return <PhonePage me={person} />;
  return (
    <main class="phone">
      {startProblem.value === undefined ? (
        <Skeleton rows={4} />
      ) : (
        <Failure error={startProblem.value} retry={() => void findMe()} />
      )}
    </main>
  );
}

const root = document.querySelector("#app");
if (root !== null) render(<App />, root);
if ("serviceWorker" in navigator) {
  // A browser that will not have it (a private window) does without: only opening offline is lost.
  navigator.serviceWorker.register("/sw.js").catch(() => undefined);
}
