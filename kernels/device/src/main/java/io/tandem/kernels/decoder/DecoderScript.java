package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.decoder.AdapterArguments.Content;
import io.tandem.kernels.decoder.AdapterArguments.Learned;
import io.tandem.kernels.decoder.AdapterArguments.Singles;
import io.tandem.kernels.decoder.AdapterArguments.Slots;
import io.tandem.kernels.decoder.IterationArguments.Backward;
import io.tandem.kernels.decoder.IterationArguments.Inputs;
import io.tandem.kernels.decoder.IterationArguments.Places;
import io.tandem.kernels.decoder.ModelArguments.LayerParts;
import io.tandem.kernels.decoder.ModelArguments.Structure;
import io.tandem.kernels.decoder.OptimizerArguments.Range;
import io.tandem.kernels.decoder.OptimizerArguments.Regions;
import io.tandem.kernels.decoder.OptimizerArguments.Rule;
import io.tandem.kernels.decoder.ScriptObjects.AdaptersObject;
import io.tandem.kernels.decoder.ScriptObjects.ArenaObject;
import io.tandem.kernels.decoder.ScriptObjects.CacheObject;
import io.tandem.kernels.decoder.ScriptObjects.Extremes;
import io.tandem.kernels.decoder.ScriptObjects.Factors;
import io.tandem.kernels.decoder.ScriptObjects.FormsObject;
import io.tandem.kernels.decoder.ScriptObjects.Gradients;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.decoder.ScriptObjects.OptimizerObject;
import io.tandem.kernels.decoder.ScriptObjects.SinglesObject;
import io.tandem.kernels.decoder.ScriptObjects.StepObject;
import io.tandem.kernels.decoder.ScriptObjects.TeacherObject;
import io.tandem.kernels.decoder.ScriptObjects.TraineeObject;
import io.tandem.kernels.decoder.ScriptObjects.Weight;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * {@code decoder.py} as Java calls it: a method for each of the script's, in its order. What a method returns belongs to
 * the scope that it is given first.
 */
final class DecoderScript {
    private static final String CLASS = "__torch__.tandem.decoder.Decoder";

    /** Arguments that belong together; the script takes the components one by one. */
    interface Arguments {
        static IValue list(TensorScope call, Stream<IValue> values) {
            return call.own(IValue.listFrom(values.toArray(IValue[]::new)));
        }

        static IValue[] after(IValue[] last, IValue... first) {
            return Stream.of(first, last).flatMap(Stream::of).toArray(IValue[]::new);
        }
    }

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

    /** Those of its methods that run a recursive model loop by loop. */
    LoopScript loops() {
        return new LoopScript(script);
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
                    call.list(norm),
                    call.value(head),
                    call.list(cos),
                    call.list(sin),
                    forms.value()));
        }
    }

    void addLayer(TensorScope call, ModelObject model, LayerParts layer, FormsObject forms) {
        script.call(
                call,
                "add_layer",
                model.value(),
                call.list(layer.weights()),
                call.list(layer.biases()),
                call.numbers(layer.parts()),
                call.value(layer.router()),
                call.list(layer.norms()),
                call.numbers(layer.place()),
                call.list(layer.a()),
                call.list(layer.b()),
                call.numbers(layer.columns()),
                forms.value());
    }

    /** @param held slots whose rows may go on with another loop later */
    CacheObject newCache(TensorScope owner, ModelObject model, int slots, int capacity, int held) {
        try (TensorScope call = owner.open()) {
            IValue size = call.number(capacity);
            return new CacheObject(
                    script.call(owner, "new_cache", model.value(), call.number(slots), size, call.number(held)));
        }
    }

    void clearSlot(TensorScope call, CacheObject cache, int slot, int first, int end) {
        script.call(call, "clear_slot", cache.value(), call.number(slot), call.number(first), call.number(end));
    }

    void copySlot(TensorScope call, CacheObject cache, int source, int target, int first, int end) {
        IValue from = call.number(source);
        IValue to = call.number(target);
        script.call(call, "copy_slot", cache.value(), from, to, call.number(first), call.number(end));
    }

    /**
     * @param sizes of each bank: how many linears it joins, inputs, outputs
     * @param full how many modules adapters may have in full together
     */
    AdaptersObject newAdapters(TensorScope owner, ModelObject model, int slots, int rank, long[] sizes, int full) {
        try (TensorScope call = owner.open()) {
            return new AdaptersObject(script.call(
                    owner,
                    "new_adapters",
                    model.value(),
                    call.number(slots),
                    call.number(rank),
                    call.numbers(sizes),
                    call.number(full)));
        }
    }

    void putAdapter(TensorScope call, AdaptersObject adapters, int slot, Content content) {
        script.call(call, "put_adapter", Arguments.after(content.values(call), adapters.value(), call.number(slot)));
    }

    /** @param place a slot, the first and the end of its virtual tokens, and the cache's slot that gets them */
    void writePrefix(TensorScope call, AdaptersObject adapters, CacheObject cache, long[] place) {
        script.call(call, "write_prefix", adapters.value(), cache.value(), call.numbers(place));
    }

    /** What the cache's first slot has of its first tokens, [tokens, numbers of each]. */
    float[] readPrefix(TensorScope call, CacheObject cache, int tokens) {
        return call.floats(script.call(call, "read_prefix", cache.value(), call.number(tokens)));
    }

    /** @param scaled as {@link Slots} has it */
    void activate(TensorScope call, AdaptersObject adapters, long[] slots, long[] scaled) {
        script.call(call, "activate", adapters.value(), call.numbers(slots), call.numbers(scaled));
    }

    /** @param ranks of each joined linear of a layer */
    void turn(TensorScope call, AdaptersObject adapters, int slot, long[] ranks) {
        script.call(call, "turn", adapters.value(), call.number(slot), call.numbers(ranks));
    }

    SinglesObject newSingles(TensorScope owner, AdaptersObject adapters, Singles singles) {
        try (TensorScope call = owner.open()) {
            return new SinglesObject(
                    script.call(owner, "new_singles", Arguments.after(singles.values(call), adapters.value())));
        }
    }

    /** @return what {@code host.py} makes of the results: int32 */
    IValue iterate(TensorScope call, Places places, Inputs inputs) {
        return script.call(call, "iterate", Arguments.after(inputs.values(call), places.values(call)));
    }

    /**
     * @param policy {@link io.tandem.kernels.Stash#code}
     * @param chunk rows of logits that are alive at once
     * @param heads whether heads may learn
     * @param exits loops of a recursive model behind which outputs may learn
     */
    ArenaObject newArena(
            TensorScope owner, ModelObject model, int rows, int ffn, int policy, int chunk, boolean heads, int exits) {
        try (TensorScope call = owner.open()) {
            return new ArenaObject(script.call(
                    owner,
                    "new_arena",
                    model.value(),
                    call.number(rows),
                    call.number(ffn),
                    call.number(policy),
                    call.number(chunk),
                    call.flag(heads),
                    call.number(exits)));
        }
    }

    TeacherObject newTeacher(TensorScope owner) {
        return new TeacherObject(script.call(owner, "new_teacher"));
    }

    /**
     * @param sizes of the teacher's banks, as in {@link #newAdapters}
     * @param rows of the arena of the model that learns
     */
    void setTeacher(TensorScope call, TeacherObject teacher, ModelObject model, long[] sizes, int rows, int ffn) {
        script.call(
                call,
                "set_teacher",
                teacher.value(),
                model.value(),
                call.numbers(sizes),
                call.number(rows),
                call.number(ffn));
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
                    Arguments.after(
                            learned.values(call),
                            adapters.value(),
                            call.number(slot),
                            call.value(weights),
                            call.number(lanes))));
        }
    }

    /** @param stacks for each trainee the adapters of its rows, itself last */
    void backward(
            TensorScope call,
            ModelObject model,
            AdaptersObject adapters,
            List<TraineeObject> trainees,
            ArenaObject arena,
            TeacherObject teacher,
            List<Slots> stacks,
            Backward windows) {
        script.call(
                call,
                "backward",
                Arguments.after(
                        windows.values(call),
                        model.value(),
                        adapters.value(),
                        Arguments.list(call, trainees.stream().map(TraineeObject::value)),
                        arena.value(),
                        teacher.value(),
                        Arguments.list(
                                call,
                                stacks.stream()
                                        .flatMap(stack -> Stream.of(stack.slots(), stack.ranks(), stack.scaled()))
                                        .map(call::numbers))));
    }

    void beginPacks(TensorScope call, ArenaObject arena) {
        script.call(call, "begin_packs", arena.value());
    }

    /** @param factors {@code [rows, 1]} */
    void scaleRows(TensorScope call, ArenaObject arena, PtNDArray factors) {
        script.call(call, "scale_rows", arena.value(), call.value(factors));
    }

    void publish(TensorScope call, AdaptersObject adapters, TraineeObject trainee, Range banks) {
        script.call(call, "publish", Arguments.after(banks.values(call), adapters.value(), trainee.value()));
    }

    Extremes extremes(TensorScope owner, TraineeObject trainee) {
        return new Extremes(script.call(owner, "extremes", trainee.value()));
    }

    /** @return of each core, in the order of {@link Learned}, as the last step left it */
    float[] importance(TensorScope call, TraineeObject trainee) {
        return call.floats(script.call(call, "importance", trainee.value()));
    }

    /**
     * @param ranks of each part with factors, in the order of {@link Learned}
     * @param scalings of those
     */
    void useRanks(TensorScope call, TraineeObject trainee, long[] ranks, double[] scalings) {
        script.call(call, "use_ranks", trainee.value(), call.numbers(ranks), call.own(IValue.listFrom(scalings)));
    }

    /** @param learns of each bank, 1 if it does */
    void useBanks(TensorScope call, TraineeObject trainee, long[] learns) {
        script.call(call, "use_banks", trainee.value(), call.numbers(learns));
    }

    void maskRanks(TensorScope call, TraineeObject trainee, int pruned, double temperature) {
        script.call(call, "mask_ranks", trainee.value(), call.number(pruned), call.number(temperature));
    }

    /** @param pruned of each part over sparse weights, in the order of {@link Learned} */
    void pruneWeights(TensorScope call, TraineeObject trainee, long[] pruned) {
        script.call(call, "prune_weights", trainee.value(), call.numbers(pruned));
    }

    void compareOutputs(TensorScope call, TraineeObject trainee, boolean compares) {
        script.call(call, "compare_outputs", trainee.value(), call.number(compares ? 1 : 0));
    }

    /** @return for each part with factors, in the order of {@link Learned}, a number for each rank and two for all of it */
    float[] estimates(TensorScope call, TraineeObject trainee) {
        return call.floats(script.call(call, "estimates", trainee.value()));
    }

    /** Frees what a slot has that is not in tables for all. */
    void releaseSlot(TensorScope call, AdaptersObject adapters, int slot) {
        script.call(call, "release_slot", adapters.value(), call.number(slot));
    }

    /** @return the bank's weight as the trainee's rows have it {@code [outputs, inputs]} */
    float[] ownWeight(TensorScope call, AdaptersObject adapters, int slot, int bank) {
        return call.floats(script.call(call, "own_weight", adapters.value(), call.number(slot), call.number(bank)));
    }

    /** @param banks of each, 1 if it is sensed */
    void sense(TensorScope call, AdaptersObject adapters, TraineeObject trainee, long[] banks) {
        script.call(call, "sense", adapters.value(), trainee.value(), call.numbers(banks));
    }

    /**
     * @param counts of each part with factors in a bank that is sensed, how many weights are wanted
     * @return two for each of those: places int64, shares float32
     */
    PtNDArray[] sensitive(TensorScope owner, TraineeObject trainee, long[] counts) {
        return owner.tensors(script.call(owner, "sensitive", trainee.value(), owner.numbers(counts)));
    }

    void scaleBanks(TensorScope call, AdaptersObject adapters, TraineeObject trainee, long[] banks, double factor) {
        script.call(call, "scale_banks", adapters.value(), trainee.value(), call.numbers(banks), call.number(factor));
    }

    void clearBroken(TensorScope call, AdaptersObject adapters, TraineeObject trainee) {
        script.call(call, "clear_broken", adapters.value(), trainee.value());
    }

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

    /** @param penalty as in {@code orthogonal.py}; 0 for none */
    void finishGradients(TensorScope call, TraineeObject trainee, Range banks, double penalty) {
        IValue first = call.number(banks.first());
        script.call(call, "finish_gradients", trainee.value(), first, call.number(banks.last()), call.number(penalty));
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

    /** @param steps of each region in which it learns, the next one included; 0 if that is none of them */
    void countSteps(TensorScope call, OptimizerObject optimizer, long[] steps) {
        script.call(call, "count_steps", optimizer.value(), call.numbers(steps));
    }

    void gatherGradients(TensorScope call, OptimizerObject optimizer, Gradients gradients, Range regions) {
        script.call(
                call, "gather_gradients", Arguments.after(regions.values(call), optimizer.value(), gradients.value()));
    }

    StepObject beginStep(
            TensorScope owner, OptimizerObject optimizer, double scale, double largestNorm, double learningRate) {
        return new StepObject(script.call(
                owner,
                "begin_step",
                optimizer.value(),
                owner.number(scale),
                owner.number(largestNorm),
                owner.number(learningRate)));
    }

    void optimizerStep(
            TensorScope call, OptimizerObject optimizer, Gradients gradients, StepObject step, Range regions) {
        IValue[] stepped = {optimizer.value(), gradients.value(), step.value()};
        script.call(call, "optimizer_step", Arguments.after(regions.values(call), stepped));
    }

    /** @return the norm of the gradient, and 1 if all that was published is finite, 0 otherwise */
    float[] stepResult(TensorScope call, StepObject step, Extremes extremes) {
        return call.floats(script.call(call, "step_result", step.value(), extremes.value()));
    }

    PtNDArray[] optimizerState(TensorScope owner, OptimizerObject optimizer) {
        return owner.tensors(script.call(owner, "optimizer_state", optimizer.value()));
    }

    void restoreOptimizer(TensorScope call, OptimizerObject optimizer, List<PtNDArray> state) {
        script.call(call, "restore_optimizer", optimizer.value(), call.list(state));
    }
}
