import { useSearchParams } from "wouter";

/** What the reader chose, which the address of the page holds, and a function that changes one of it; an empty value takes it out. */
export function useChoice(): [URLSearchParams, (name: string, value: string) => void] {
  const [params, setParams] = useSearchParams();
  const choose = (name: string, value: string) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (value === "") after.delete(name);
        else after.set(name, value);
        return after;
      },
      { replace: true },
    );
  return [params, choose];
}
