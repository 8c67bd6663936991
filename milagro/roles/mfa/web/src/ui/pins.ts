// What a PIN should not be. Three guesses are all that anyone has, so only what is guessed first matters.

const LEAST = 4;

/** What is wrong with a PIN, by the name of its message; empty if nothing is. */
export function weakness(pin: string): "" | "short" | "simple" {
  const letters = Array.from(pin.normalize("NFC"));
  if (letters.length < LEAST) return "short";
  const points = letters.map((letter) => letter.codePointAt(0) as number);
  const steps = new Set(points.slice(1).map((point, at) => point - (points[at] as number)));
  const [step] = steps;
  const even = steps.size === 1 && Math.abs(step as number) <= 1;
  return even || /^(..?)\1+$/u.test(pin) ? "simple" : "";
}
