package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.Arrays;

/**
 * Adapters on the device. The adapters of an iteration are joined by rank; the join is made again only when other
 * slots are used than before, or one of them changed.
 */
final class AdapterSlots {
    private final ScriptModule script;
    private final TensorScope scope;
    private final AdapterLayout layout;
    private final KernelsConfig limits;
    private final IValue value;
    private final int[][] ranks;
    private long[] active = {};
    private boolean stale = true;

    AdapterSlots(
            ScriptModule script,
            TensorScope owner,
            IValue weights,
            AdapterLayout layout,
            ModelConfig model,
            KernelsConfig limits) {
        this.script = script;
        this.scope = owner;
        this.layout = layout;
        this.limits = limits;
        this.ranks = new int[limits.adapterSlots()][AdapterLayout.LINEARS.size()];
        try (TensorScope call = owner.open()) {
            value = script.call(
                    owner,
                    "new_adapters",
                    weights,
                    call.number(limits.adapterSlots()),
                    call.number(limits.maxRank()),
                    call.numbers(sizes(model)));
        }
    }

    private static long[] sizes(ModelConfig model) {
        return AdapterLayout.LINEARS.stream()
                .flatMapToLong(parts -> Arrays.stream(new long[] {
                    parts.size(),
                    parts.get(0).inputs(model),
                    parts.stream()
                            .mapToInt((TargetModule part) -> part.outputs(model))
                            .sum()
                }))
                .toArray();
    }

    IValue value() {
        return value;
    }

    void put(int slot, Adapter adapter) {
        layout.check(adapter, limits.maxRank(), limits.dtype());
        try (TensorScope call = scope.open()) {
            PtNDArray[] a = new PtNDArray[layout.banks()];
            PtNDArray[] b = new PtNDArray[layout.banks()];
            for (int bank = 0; bank < a.length; bank++) {
                int rows = layout.ranks(adapter, bank);
                a[bank] = call.tensor(layout.joinedA(adapter, bank), rows, layout.inputs(bank));
                b[bank] = call.tensor(layout.joinedB(adapter, bank), rows, layout.outputs(bank));
            }
            script.call(call, "put_adapter", value, call.number(slot), call.list(a), call.list(b));
        }
        occupy(slot, adapter);
    }

    /** The slot's content has these ranks now. */
    void occupy(int slot, Adapter adapter) {
        ranks[slot] = layout.ranksByLinear(adapter);
        stale = true;
    }

    /** The slot's numbers changed, its shapes did not. */
    void changed() {
        stale = true;
    }

    /**
     * Joins the adapters that the rows use.
     *
     * @param rowSlots of every row
     * @return whether rows differ in their adapters, so that masks are needed
     */
    boolean activate(int[][] rowSlots) {
        long[] wanted = Arrays.stream(rowSlots)
                .flatMapToInt(Arrays::stream)
                .distinct()
                .sorted()
                .asLongStream()
                .toArray();
        if (stale || !Arrays.equals(wanted, active)) {
            try (TensorScope call = scope.open()) {
                script.call(call, "activate", value, call.numbers(wanted), call.numbers(ranks(wanted)));
            }
            active = wanted;
            stale = false;
        }
        return Arrays.stream(rowSlots).anyMatch(slots -> slots.length != wanted.length);
    }

    /** Four numbers for each slot: the ranks of its adapter in each joined linear. */
    long[] ranks(long[] slots) {
        return Arrays.stream(slots)
                .flatMap(slot -> Arrays.stream(ranks[(int) slot]).asLongStream())
                .toArray();
    }
}
