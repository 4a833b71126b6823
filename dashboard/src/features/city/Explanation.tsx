import { Plural, Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { DataTable } from "../../shared/chart/DataTable";
import { sourceName, useBasis } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { Loaded } from "../../shared/state/Loaded";
import { explanationQuery } from "./queries";
import { useFlagText } from "./flags";
import { Behind, Rule } from "./rules";

interface Reading {
  source: string | null;
  basis: string | null;
  used: boolean;
  station?: string;
  stations?: number;
  naqi?: number | null;
  flags?: string[];
  reason?: string;
  why?: string;
}

/** The parts of an explanation that the page shows; the API leaves its form open. */
interface Parts {
  rules: string[];
  readings: Reading[];
}

function parts(explanation: Record<string, unknown> | undefined): Parts {
  const { rules, readings } = explanation ?? {};
  return {
    rules: Array.isArray(rules) ? rules.filter((rule) => typeof rule === "string") : [],
    readings: Array.isArray(readings) ? readings.filter(isReading) : [],
  };
}

function isReading(value: unknown): value is Reading {
  return typeof value === "object" && value !== null && "source" in value && "used" in value;
}

/** Which rules made the index, and which stations and sources spoke or did not. */
export function Explanation({ slug }: { slug: string }) {
  return (
    <Loaded query={useQuery(explanationQuery(slug))}>
      {({ explanation, simulated }) => <Shown {...parts(explanation)} simulated={simulated} />}
    </Loaded>
  );
}

function Shown({ rules, readings, simulated }: Parts & { simulated: boolean }) {
  const format = useFormat();
  const basis = useBasis();
  const flagText = useFlagText();
  return (
    <div className="explanation">
      <p>
        <Trans>
          The index of each pollutant is read off its mean over the hours that the rule asks for; the highest of them is the index of a
          station, and the mean of the stations that of the city. The table under “Pollutants” shows each step.
        </Trans>
      </p>
      <ul className="rules">
        {rules.map((rule) => (
          <li key={rule}>
            <Rule rule={rule} />
          </li>
        ))}
      </ul>
      <DataTable
        caption={<Trans>Stations and sources of this hour</Trans>}
        rows={readings}
        rowKey={(reading) => `${reading.source} ${reading.station ?? ""} ${reading.basis}`}
        columns={[
          {
            key: "station",
            title: <Trans>Station</Trans>,
            cell: (reading) =>
              reading.station ? reading.station : <Plural value={reading.stations ?? 1} one="# place" other="# places" />,
          },
          { key: "source", title: <Trans>Source</Trans>, cell: (reading) => (reading.source === null ? "–" : sourceName(reading.source)) },
          { key: "basis", title: <Trans>Basis</Trans>, cell: (reading) => basis(reading.basis, simulated) },
          {
            key: "index",
            title: <Trans>Index</Trans>,
            numeric: true,
            cell: (reading) => (reading.naqi == null ? "–" : format.number(reading.naqi)),
          },
          {
            key: "used",
            title: <Trans>Counts</Trans>,
            cell: (reading) => (reading.used ? <Trans>yes</Trans> : <Unused reading={reading} />),
          },
          { key: "flags", title: <Trans>Doubtful</Trans>, cell: (reading) => (reading.flags ?? []).map(flagText).join("; ") },
        ]}
      />
    </div>
  );
}

function Unused({ reading: { reason, why } }: { reading: Reading }) {
  return (
    <>
      <Trans>no</Trans>
      {why === undefined ? null : (
        <>
          : <Behind reason={reason} why={why} />
        </>
      )}
    </>
  );
}
