package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.decoder.AdapterArguments.Content;
import io.tandem.kernels.decoder.AdapterArguments.Learned;
import io.tandem.kernels.decoder.ModelArguments.LayerParts;
import io.tandem.kernels.decoder.ModelArguments.Structure;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.List;
import java.util.Map;

/**
 * {@code decoder.py} as Java calls it: a method for each of the script's, in its order, and a type for each of its
 * objects. What a method returns belongs to the scope that it is given first.
 */
final class DecoderScript {
    private static final String CLASS = "__torch__.tandem.decoder.Decoder";

    /** {@code model.Model}. */
    record ModelObject(IValue value) {}

    /** {@code linear.Forms}. */
    record FormsObject(IValue value) {}

    /** {@code cache.Cache}. */
    record CacheObject(IValue value) {}

    /** {@code change.Changes}. */
    record AdaptersObject(IValue value) {}

    /** {@code arena.Arena}. */
    record ArenaObject(IValue value) {}

    /** {@code trainee.Trainee}. */
    record TraineeObject(IValue value) {}

    /** {@code optimizer.Optimizer}. */
    record OptimizerObject(IValue value) {}

    /** {@code step.Step}. */
    record StepObject(IValue value) {}

    /** A weight of the model that is being filled. */
    record Weight(IValue value) {}

    /** The factors of a trainee, [numbers] float32. */
    record Factors(IValue value) {}

    /** Their gradients, [lanes, numbers] float32. */
    record Gradients(IValue value) {}

    /** The least and the largest numbers that each bank of a trainee has published, {@code [banks, 4]} float32. */
    record Extremes(IValue value) {}

    /** Arguments that belong together; the script takes the components one by one. */
    interface Arguments {}

    /** Banks or regions, the last one exclusive. */
    record Range(int first, int last) implements Arguments {}

    /** Slots of adapters, and for each of them and each joined linear of a layer its ranks, and what it scales there. */
    record Slots(long[] slots, long[] ranks, long[] scaled) implements Arguments {}

    /**
     * What an iteration reads.
     *
     * @param numbers {@code [sum of the sizes]} int64, as in {@code inputs.py}
     * @param sizes of its sections
     * @param mixed whether rows differ in their adapters
     * @param top how many log-probabilities are reported, -1 for none
     * @param learn whether the window will go backward
     */
    record Inputs(PtNDArray numbers, long[] sizes, Layout layout, boolean mixed, int top, boolean learn)
            implements Arguments {}

    /** How the rows attend to each other, as in {@code batch.py}; lists of numbers there. */
    record Layout(long[] groups, long[] chunks, long windowFrom, long[] windows) {}

    /** The method's name and its constants: beta1, beta2, epsilon, weight decay. */
    record Rule(String method, double[] settings) implements Arguments {}

    /** As in {@code optimizer.new}. */
    record Regions(long[] places, double[] rates, long[] sizes) implements Arguments {}

    private final ScriptModule script;
    private final String device;

    DecoderScript() {
        this(ScriptModule.load(CLASS, DecoderSources.FILES), "cpu");
    }

    /**
     * @param device where the model lives, by libtorch's name
     * @param sources {@link #sources}
     */
    DecoderScript(String device, Map<String, String> sources) {
        this(ScriptModule.load(CLASS, sources), device);
    }

    private DecoderScript(ScriptModule script, String device) {
        this.script = script;
        this.device = device;
    }

    /** The text of each file. */
    static Map<String, String> sources() {
        return ScriptModule.read(DecoderSources.FILES);
    }

    /** Where weights are to be made. */
    String device() {
        return device;
    }

    Weight newWeight(TensorScope owner, long[] shape, int dtype, String device) {
        return new Weight(
                script.call(owner, "new_weight", owner.numbers(shape), owner.number(dtype), owner.text(device)));
    }

    FormsObject newForms(TensorScope owner, WeightForm few, int rows, WeightForm many) {
        try (TensorScope call = owner.open()) {
            return new FormsObject(script.call(
                    owner, "new_forms", call.text(few.label()), call.number(rows), call.text(many.label())));
        }
    }

    void fillWeight(TensorScope call, Weight weight, long first, PtNDArray bytes, int stored, boolean half) {
        script.call(
                call,
                "fill_weight",
                weight.value(),
                call.number(first),
                call.value(bytes),
                call.number(stored),
                call.flag(half));
    }

    /** @param norm weight and bias of the last one */
    ModelObject newModel(
            TensorScope owner,
            Structure structure,
            PtNDArray embedding,
            double embeddingScale,
            List<PtNDArray> norm,
            PtNDArray head,
            List<PtNDArray> cos,
            List<PtNDArray> sin,
            FormsObject forms) {
        try (TensorScope call = owner.open()) {
            return new ModelObject(script.call(
                    owner,
                    "new_model",
                    call.numbers(structure.sizes()),
                    call.own(IValue.listFrom(structure.factors())),
                    call.numbers(structure.windows()),
                    call.value(embedding),
                    call.number(embeddingScale),
                    list(call, norm),
                    call.value(head),
                    list(call, cos),
                    list(call, sin),
                    forms.value()));
        }
    }

    void addLayer(TensorScope call, ModelObject model, LayerParts layer, FormsObject forms) {
        script.call(
                call,
                "add_layer",
                model.value(),
                list(call, layer.weights()),
                list(call, layer.biases()),
                call.numbers(layer.parts()),
                call.value(layer.router()),
                list(call, layer.norms()),
                call.numbers(layer.place()),
                forms.value());
    }

    CacheObject newCache(TensorScope owner, ModelObject model, int slots, int capacity) {
        try (TensorScope call = owner.open()) {
            return new CacheObject(
                    script.call(owner, "new_cache", model.value(), call.number(slots), call.number(capacity)));
        }
    }

    void clearSlot(TensorScope call, CacheObject cache, int slot, int first, int end) {
        script.call(call, "clear_slot", cache.value(), call.number(slot), call.number(first), call.number(end));
    }

    void copySlot(TensorScope call, CacheObject cache, int source, int target, int first, int end) {
        script.call(
                call,
                "copy_slot",
                cache.value(),
                call.number(source),
                call.number(target),
                call.number(first),
                call.number(end));
    }

    /** @param sizes of each bank: how many linears it joins, inputs, outputs */
    AdaptersObject newAdapters(TensorScope owner, ModelObject model, int slots, int rank, long[] sizes) {
        try (TensorScope call = owner.open()) {
            return new AdaptersObject(script.call(
                    owner, "new_adapters", model.value(), call.number(slots), call.number(rank), call.numbers(sizes)));
        }
    }

    void putAdapter(TensorScope call, AdaptersObject adapters, int slot, Content content) {
        script.call(
                call,
                "put_adapter",
                adapters.value(),
                call.number(slot),
                call.numbers(content.factors()),
                list(call, content.a()),
                list(call, content.b()),
                list(call, content.magnitudes()),
                call.numbers(content.scales()),
                list(call, content.differences()),
                list(call, content.embeddings()),
                call.numbers(content.tokens()),
                list(call, content.keys()));
    }

    /** @param place a slot, the first and the end of its virtual tokens, and the cache's slot that gets them */
    void writePrefix(TensorScope call, AdaptersObject adapters, CacheObject cache, long[] place) {
        script.call(call, "write_prefix", adapters.value(), cache.value(), call.numbers(place));
    }

    /** What the cache's first slot has of its first tokens, [tokens, numbers of each]. */
    float[] readPrefix(TensorScope call, CacheObject cache, int tokens) {
        return call.floats(script.call(call, "read_prefix", cache.value(), call.number(tokens)));
    }

    void activate(TensorScope call, AdaptersObject adapters, Slots active) {
        script.call(
                call,
                "activate",
                adapters.value(),
                call.numbers(active.slots()),
                call.numbers(active.ranks()),
                call.numbers(active.scaled()));
    }

    /** @return what {@code host.py} makes of the results: int32 */
    IValue iterate(
            TensorScope call,
            ModelObject model,
            CacheObject cache,
            AdaptersObject adapters,
            ArenaObject arena,
            Inputs inputs) {
        return script.call(
                call,
                "iterate",
                model.value(),
                cache.value(),
                adapters.value(),
                arena.value(),
                call.value(inputs.numbers()),
                call.numbers(inputs.sizes()),
                layout(call, inputs.layout()),
                call.flag(inputs.mixed()),
                call.number(inputs.top()),
                call.flag(inputs.learn()));
    }

    private static IValue layout(TensorScope call, Layout layout) {
        long[] window = new long[1 + layout.windows().length];
        window[0] = layout.windowFrom();
        System.arraycopy(layout.windows(), 0, window, 1, layout.windows().length);
        return call.own(
                IValue.listFrom(call.numbers(layout.groups()), call.numbers(layout.chunks()), call.numbers(window)));
    }

    /**
     * @param policy {@link io.tandem.kernels.Stash#code}
     * @param chunk rows of logits that are alive at once
     */
    ArenaObject newArena(TensorScope owner, ModelObject model, int rows, int ffn, int policy, int chunk) {
        try (TensorScope call = owner.open()) {
            return new ArenaObject(script.call(
                    owner,
                    "new_arena",
                    model.value(),
                    call.number(rows),
                    call.number(ffn),
                    call.number(policy),
                    call.number(chunk)));
        }
    }

    void prepareBackward(TensorScope call, ModelObject model) {
        script.call(call, "prepare_backward", model.value());
    }

    /** @param weights {@code [numbers]} float32 */
    TraineeObject newTrainee(
            TensorScope owner, AdaptersObject adapters, int slot, PtNDArray weights, int lanes, Learned learned) {
        try (TensorScope call = owner.open()) {
            return new TraineeObject(script.call(
                    owner,
                    "new_trainee",
                    adapters.value(),
                    call.number(slot),
                    call.value(weights),
                    call.number(lanes),
                    call.numbers(learned.banks()),
                    call.numbers(learned.factors()),
                    call.own(IValue.listFrom(learned.scalings())),
                    call.numbers(learned.scales()),
                    call.numbers(learned.magnitudes()),
                    call.numbers(learned.virtual()),
                    call.numbers(learned.prefix())));
        }
    }

    /**
     * @param stack the adapters of the rows, the trainee last
     * @param units as {@link BackwardUnits} encodes them
     */
    void backward(
            TensorScope call,
            ModelObject model,
            AdaptersObject adapters,
            TraineeObject trainee,
            int lane,
            Slots stack,
            ArenaObject arena,
            long[] units) {
        script.call(
                call,
                "backward",
                model.value(),
                adapters.value(),
                trainee.value(),
                call.number(lane),
                call.numbers(stack.slots()),
                call.numbers(stack.ranks()),
                call.numbers(stack.scaled()),
                arena.value(),
                call.numbers(units));
    }

    /**
     * @param prefix slot of the adapter that has keys and values of virtual tokens
     * @param virtual how many it has; 0 if none does
     */
    void beginPack(TensorScope call, ArenaObject arena, int prefix, int virtual) {
        script.call(call, "begin_pack", arena.value(), call.number(prefix), call.number(virtual));
    }

    /** @param factors {@code [rows, 1]} */
    void scaleRows(TensorScope call, ArenaObject arena, PtNDArray factors) {
        script.call(call, "scale_rows", arena.value(), call.value(factors));
    }

    void publish(TensorScope call, AdaptersObject adapters, TraineeObject trainee, Range banks) {
        script.call(
                call,
                "publish",
                adapters.value(),
                trainee.value(),
                call.number(banks.first()),
                call.number(banks.last()));
    }

    Extremes extremes(TensorScope owner, TraineeObject trainee) {
        return new Extremes(script.call(owner, "extremes", trainee.value()));
    }

    /**
     * @param ranks of each part with factors, in the order of {@link Learned}
     * @param scalings of those
     */
    void useRanks(TensorScope call, TraineeObject trainee, long[] ranks, double[] scalings) {
        script.call(call, "use_ranks", trainee.value(), call.numbers(ranks), call.own(IValue.listFrom(scalings)));
    }

    void clearBroken(TensorScope call, AdaptersObject adapters, TraineeObject trainee) {
        script.call(call, "clear_broken", adapters.value(), trainee.value());
    }

    /** Copies a vector to the host. */
    float[] floats(TensorScope call, IValue vector) {
        return call.floats(script.call(call, "floats", vector));
    }

    Factors weights(TensorScope owner, TraineeObject trainee) {
        return new Factors(script.call(owner, "weights", trainee.value()));
    }

    Gradients gradients(TensorScope owner, TraineeObject trainee) {
        return new Gradients(script.call(owner, "gradients", trainee.value()));
    }

    boolean isDecomposed(TensorScope call, TraineeObject trainee) {
        return script.call(call, "is_decomposed", trainee.value()).toBoolean();
    }

    void finishGradients(TensorScope call, TraineeObject trainee, Range banks) {
        script.call(call, "finish_gradients", trainee.value(), call.number(banks.first()), call.number(banks.last()));
    }

    Gradients finishedGradients(TensorScope owner, TraineeObject trainee) {
        return new Gradients(script.call(owner, "finished_gradients", trainee.value()));
    }

    long trainingBytes(TensorScope call, ArenaObject arena, TraineeObject trainee, OptimizerObject optimizer) {
        return script.call(call, "training_bytes", arena.value(), trainee.value(), optimizer.value())
                .toLong();
    }

    OptimizerObject newOptimizer(TensorScope owner, Rule rule, Factors weights, Regions regions) {
        try (TensorScope call = owner.open()) {
            return new OptimizerObject(script.call(
                    owner,
                    "new_optimizer",
                    call.text(rule.method()),
                    call.own(IValue.listFrom(rule.settings())),
                    weights.value(),
                    call.numbers(regions.places()),
                    call.own(IValue.listFrom(regions.rates())),
                    call.numbers(regions.sizes())));
        }
    }

    void gatherGradients(TensorScope call, OptimizerObject optimizer, Gradients gradients, Range regions) {
        script.call(
                call,
                "gather_gradients",
                optimizer.value(),
                gradients.value(),
                call.number(regions.first()),
                call.number(regions.last()));
    }

    StepObject beginStep(
            TensorScope owner,
            OptimizerObject optimizer,
            double scale,
            double largestNorm,
            double learningRate,
            int number) {
        return new StepObject(script.call(
                owner,
                "begin_step",
                optimizer.value(),
                owner.number(scale),
                owner.number(largestNorm),
                owner.number(learningRate),
                owner.number(number)));
    }

    void optimizerStep(
            TensorScope call, OptimizerObject optimizer, Gradients gradients, StepObject step, Range regions) {
        script.call(
                call,
                "optimizer_step",
                optimizer.value(),
                gradients.value(),
                step.value(),
                call.number(regions.first()),
                call.number(regions.last()));
    }

    /** @return the norm of the gradient, and 1 if all that was published is finite, 0 otherwise */
    float[] stepResult(TensorScope call, StepObject step, Extremes extremes) {
        return call.floats(script.call(call, "step_result", step.value(), extremes.value()));
    }

    /** Copies the state to the host. */
    PtNDArray[] optimizerState(TensorScope owner, OptimizerObject optimizer) {
        return owner.tensors(script.call(owner, "optimizer_state", optimizer.value()));
    }

    void restoreOptimizer(TensorScope call, OptimizerObject optimizer, List<PtNDArray> state) {
        script.call(call, "restore_optimizer", optimizer.value(), list(call, state));
    }

    private static IValue list(TensorScope call, List<PtNDArray> tensors) {
        return call.list(tensors.toArray(PtNDArray[]::new));
    }
}
