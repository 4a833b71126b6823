import { type ReactNode, useDeferredValue } from "react";

/**
 * What is below the first sight. It is drawn after what is above it, in small steps between which the page answers; until then a place
 * as high as the window stands for it, so that nothing that is seen moves when it comes.
 */
export function Later({ children }: { children: ReactNode }) {
  const isTime = useDeferredValue(true, false);
  return isTime ? children : <div className="later" />;
}
