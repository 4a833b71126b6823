import { type ReactNode, startTransition, useEffect, useRef, useState } from "react";

/**
 * What is far below the first sight and needs data and a library of its own. It is loaded and drawn once the reader comes within a
 * window's height of it; until then a place as high as the window stands for it.
 */
export function Near({ children }: { children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  const [isNear, setIsNear] = useState(!("IntersectionObserver" in window));
  useEffect(() => {
    if (place.current === null) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) startTransition(() => setIsNear(true));
      },
      { rootMargin: "100% 0%" },
    );
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return isNear ? children : <div ref={place} className="later" />;
}
