import { render } from "preact";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Failure, Skeleton } from "./parts/basics.tsx";
import { SignIn } from "./parts/sign-in.tsx";
import { PhonePage } from "./phone/page.tsx";
import { known, remember } from "./phone/known.ts";
import { findMe, me, startProblem } from "./state/session.ts";

function App(): JSX.Element {
  useEffect(() => void findMe(), []);
  useEffect(() => {
    if (me.value !== undefined) remember(me.value);
  }, [me.value]);
  const person =
    me.value ?? (me.value === undefined && startProblem.value !== undefined ? known() : me.value);
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
