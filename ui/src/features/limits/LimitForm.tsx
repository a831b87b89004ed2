import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { changeLimit, createLimit, type LimitDetails } from "~/api/limits";
import { Ask, Field } from "~/parts/Ask";

/** Makes a limit, or changes one. */
export function LimitForm({
  limit,
  close,
  made,
}: {
  limit?: LimitDetails;
  close: () => void;
  made?: (id: string) => void;
}) {
  const queries = useQueryClient();
  const [name, setName] = useState(limit?.name ?? "");
  const [slots, setSlots] = useState(String(limit?.limit ?? 5));
  const [decay, setDecay] = useState(String(limit?.slot_decay_per_second ?? 0));
  const [active, setActive] = useState(limit?.active ?? true);
  const wrong = {
    name: name.trim() ? null : "A limit needs a name.",
    slots: /^\d{1,9}$/.test(slots.trim()) ? null : "A whole number from 0 on.",
    decay: Number(decay) >= 0 && decay.trim() ? null : "A number of 0 or more.",
  };
  const act = useMutation({
    mutationFn: () => {
      const asked = { limit: Number(slots), slot_decay_per_second: Number(decay), active };
      return limit ? changeLimit(limit.id, asked) : createLimit({ ...asked, name: name.trim() });
    },
    onSuccess: async (now) => {
      queries.setQueryData(["limit", now.id], now);
      made?.(now.id);
      close();
      await queries.invalidateQueries({ queryKey: ["limits"] });
    },
  });
  return (
    <Ask
      title={limit ? `Edit ${limit.name}` : "New limit"}
      verb={limit ? "Save" : "Make it"}
      isReady={wrong.name === null && wrong.slots === null && wrong.decay === null}
      act={act}
      close={close}
    >
      {limit ? null : (
        <Field name="Name" note="Of tasks with a tag: tag: and the tag, as tag:db.">
          <input
            className="field"
            value={name}
            placeholder="tag:db"
            onChange={({ target }) => setName(target.value)}
          />
        </Field>
      )}
      <Field name="Slots" note="So many at once; 0 lets nothing through." wrong={wrong.slots}>
        <input
          className="field"
          inputMode="numeric"
          value={slots}
          onChange={({ target }) => setSlots(target.value)}
        />
      </Field>
      <Field
        name="Free again each second"
        note="Above 0 it is good as a rate: for rate_limit() in code."
        wrong={wrong.decay}
      >
        <input
          className="field"
          inputMode="decimal"
          value={decay}
          onChange={({ target }) => setDecay(target.value)}
        />
      </Field>
      <label className="ask-check">
        <input
          type="checkbox"
          checked={active}
          onChange={({ target }) => setActive(target.checked)}
        />
        On: it bounds what runs
      </label>
    </Ask>
  );
}
