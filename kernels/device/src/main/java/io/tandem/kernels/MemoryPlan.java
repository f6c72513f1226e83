package io.tandem.kernels;

import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.Experts;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Rotary;
import io.tandem.kernels.weights.WeightNames;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Native memory by what it is for, from shapes and limits alone, so before anything is reserved. The device's
 * {@link MemoryReport} is made from the same numbers.
 *
 * @param bytes parts that are not there count nothing
 */
public record MemoryPlan(Map<Part, Long> bytes) {

    /** Who answers for a part; the lines of a {@link MemoryReport}. */
    public enum Owner {
        WEIGHTS,
        KV_CACHE,
        ADAPTERS,
        TRAINING
    }

    /** What memory is for. */
    public enum Part {
        WEIGHTS(Owner.WEIGHTS, "weights"),
        TEACHER(Owner.WEIGHTS, "teacher, with its training windows' keys and values"),
        TRANSPOSED_WEIGHTS(Owner.WEIGHTS, "transposed weights, for backward"),
        KV_CACHE(Owner.KV_CACHE, "keys and values of inference"),
        ADAPTER_SLOTS(Owner.ADAPTERS, "adapter slots"),
        FULL_MODULES(Owner.ADAPTERS, "modules that adapters have in full"),
        INPUTS(Owner.TRAINING, "arena: inputs of the layers"),
        KEYS_AND_VALUES(Owner.TRAINING, "arena: keys and values"),
        ACTIVATIONS(Owner.TRAINING, "arena: other activations"),
        LAST_OUTPUTS(Owner.TRAINING, "arena: outputs of the last layer, for heads in full"),
        ROTARY(Owner.TRAINING, "arena: rotary tables"),
        STREAM_GRADIENT(Owner.TRAINING, "arena: gradient of the residual stream"),
        KEY_VALUE_GRADIENTS(Owner.TRAINING, "arena: gradients of keys and values"),
        LOGITS(Owner.TRAINING, "chunks of logits, while losses are computed"),
        WINDOW(Owner.TRAINING, "a backward window, beyond that"),
        ADAPTER(Owner.TRAINING, "adapter in float32"),
        GRADIENTS(Owner.TRAINING, "its gradients"),
        OPTIMIZER(Owner.TRAINING, "its optimizer's state");

        private final Owner owner;
        private final String label;

        Part(Owner owner, String label) {
            this.owner = owner;
            this.label = label;
        }
    }

    /** Logits of a training window that are alive at once. */
    private static final int CHUNK_LOGITS = 1 << 22;
    /** Query rows whose attention scores are alive at once in backward; {@code attention.py}'s block. */
    private static final int ATTENTION_ROWS = 128;

    public MemoryPlan {
        bytes = Map.copyOf(bytes);
    }

    /**
     * What the device needs to serve.
     *
     * @throws IllegalArgumentException if slots are too many or too large, whatever the memory
     */
    public static MemoryPlan serving(ModelConfig model, KernelsConfig limits) {
        RowTables.requireCountable(model, limits);
        long element = limits.dtype().bytes();
        long embedding = (long) model.vocab() * model.hidden();
        long rotary = 2L * Float.BYTES * limits.contextTokens() * rotated(model);
        long cacheRows = (long) limits.kvSlots() * limits.contextTokens();
        // The parts of a joined linear have ranks of their own, each with the inputs and outputs of the whole and a
        // constant.
        long perRank = model.linears().stream()
                .mapToLong(
                        linear -> (long) linear.modules().size() * (1L + linear.inputs(model) + linear.outputs(model)))
                .sum();
        Map<Part, Long> bytes = new EnumMap<>(Part.class);
        double weight = limits.weights().bytesPerParameter(limits.dtype());
        double ofHead = model.tiedEmbeddings() ? limits.weights().tiedBytesPerParameter(limits.dtype()) : weight;
        long weights = Math.round(weight * model.layerParameters() + ofHead * embedding);
        bytes.put(Part.WEIGHTS, weights + element * (embedding + model.factorParameters()) + rotary);
        long held = model.recursion().isEmpty() ? 0 : element * limits.kvSlots() * model.hidden();
        bytes.put(Part.KV_CACHE, held + 2 * element * model.layers() * cacheRows * keys(model));
        long factors = element
                * model.layers()
                * limits.adapterSlots()
                * (limits.maxRank() * perRank + turned(model, limits.maxRank()));
        long virtual = (long) Float.BYTES * limits.adapterSlots() * limits.maxRank() * model.hidden();
        long prefixes = element * limits.adapterSlots() * limits.maxRank() * KeysAndValues.width(model);
        bytes.put(
                Part.ADAPTER_SLOTS,
                factors + scaleBytes(model, limits) + virtual + prefixes + bottleneckBytes(model, limits));
        bytes.put(Part.FULL_MODULES, element * limits.fullMatrices() * FullModule.numbers(model));
        return new MemoryPlan(bytes);
    }

    /** What single rows are multiplied with lies there a second time, see bags.py; with experts they find it by masks. */
    private static long turned(ModelConfig model, int rank) {
        return model.experts().isPresent()
                ? 0
                : model.linears().stream()
                        .mapToLong(linear ->
                                linear.modules().size() * RowTables.wholeRanks(rank) * (1L + linear.inputs(model)))
                        .sum();
    }

    /** What a teacher takes beside the model. */
    public static MemoryPlan teacher(ModelConfig teacher, KernelsConfig limits) {
        long element = limits.dtype().bytes();
        long row = teacher.layers() * element * (teacher.hidden() + 2 * keys(teacher))
                + Float.BYTES * (2L * rotated(teacher) + teacher.hidden() + 2 * keys(teacher))
                + outputBytes(teacher, limits);
        long weights = serving(teacher, limits).bytes(Part.WEIGHTS);
        return new MemoryPlan(Map.of(Part.TEACHER, weights + limits.packTokens() * row));
    }

    /** Of attention and MLP D, d and U, of one row more than there are ranks: the first is the bias of U. And D and d again. */
    private static long bottleneckBytes(ModelConfig model, KernelsConfig limits) {
        long rows = 1L + limits.maxRank();
        long turned = RowTables.wholeRanks(1 + limits.maxRank()) * (1L + model.hidden());
        return limits.dtype().bytes()
                * 2L
                * model.layers()
                * limits.adapterSlots()
                * (rows * (2L * model.hidden() + 1) + turned);
    }

    /**
     * Of factors on the inputs and outputs of the linears, of what is added to the outputs of those with a bias, and of the
     * norms of the weights' rows.
     */
    private static long scaleBytes(ModelConfig model, KernelsConfig limits) {
        long channels = model.linears().stream()
                .mapToLong(linear -> {
                    boolean biased = linear.modules().stream().anyMatch(module -> WeightNames.hasBias(model, module));
                    return linear.inputs(model) + (biased ? 2L : 1L) * linear.outputs(model);
                })
                .sum();
        long norms = model.linears().stream()
                .mapToLong(linear -> linear.outputs(model))
                .sum();
        return (long) Float.BYTES * model.layers() * ((limits.adapterSlots() + 1L) * channels + norms);
    }

    /**
     * Single weights of adapters in slots, each with its coordinates in 64 bits. Their tables are made for an adapter that has
     * some, and joined ones while rows use it.
     *
     * @param count of all tables together
     */
    public static MemoryPlan singleWeights(long count) {
        return new MemoryPlan(Map.of(Part.ADAPTER_SLOTS, (2L * Long.BYTES + Float.BYTES) * count));
    }

    /** What one adapter's training needs beside that. */
    public static MemoryPlan training(
            ModelConfig model, KernelsConfig limits, PeftMethod method, OptimizerConfig optimizer) {
        // Virtual tokens are all that a method with some learns.
        boolean inFull = method.virtualTokens() > 0 && optimizer.method() == Method.ADAMW_8BIT;
        Method kept = inFull ? Method.ADAMW : optimizer.method();
        long optimizerBytes = method.parameters(model).map(kept::stateBytes).sum();
        if (method.fullModules().contains(FullModule.EMBED_TOKENS) && kept == Method.ADAMW_8BIT) {
            long embedding = FullModule.numbers(model);
            optimizerBytes += Method.ADAMW.stateBytes(embedding) - kept.stateBytes(embedding);
        }
        return arena(model, limits)
                .plus(trainee(method.parameters(model).sum(), limits.lanes(), optimizerBytes))
                .plus(fixed(method.fixed(model), limits.dtype()))
                .plus(momentary(method.momentary(model), limits.lanes()));
    }

    /** What training needs whoever learns: reserved when the first adapter learns or is measured, and shared by all. */
    public static MemoryPlan arena(ModelConfig model, KernelsConfig limits) {
        long element = limits.dtype().bytes();
        long tokens = limits.packTokens();
        long window = Math.min(tokens, limits.maxTokensPerIteration());
        long narrowCopy = limits.dtype() == Dtype.FLOAT32 ? 0 : element;
        long lanes = limits.lanes();
        // The derivative of a cap is as large as what is capped.
        long slope = model.scales().logitCap() == 0 ? 0 : Float.BYTES;
        long logits = lanes * (Float.BYTES + narrowCopy + slope) * logitsChunk(model) * model.vocab();
        long scores =
                lanes * model.heads() * Math.min(window, ATTENTION_ROWS) * Math.min(tokens, limits.contextTokens());
        long scoreBytes = Float.BYTES * (model.scales().attentionCap() == 0 ? 3L : 4L);
        long gates = (long) model.ffn() * model.experts().map(Experts::active).orElse(1);
        long backward = window * element * (9L * gates + 6L * model.hidden() + 4 * queries(model))
                + scores * (scoreBytes + narrowCopy);
        Map<Part, Long> bytes = new EnumMap<>(Part.class);
        long transposed = limits.weights().many().backwardBytesPerParameter(limits.dtype());
        bytes.put(Part.TRANSPOSED_WEIGHTS, transposed * linearParameters(model));
        bytes.put(Part.INPUTS, tokens * model.layers() * element * model.hidden());
        bytes.put(Part.KEYS_AND_VALUES, tokens * model.layers() * element * 2 * keys(model));
        bytes.put(Part.ACTIVATIONS, tokens * model.layers() * activationBytes(model, limits));
        bytes.put(Part.LAST_OUTPUTS, headBytes(model, limits));
        bytes.put(Part.ROTARY, tokens * Float.BYTES * 2 * rotated(model));
        bytes.put(Part.STREAM_GRADIENT, (1 + exits(model, limits)) * tokens * Float.BYTES * model.hidden());
        bytes.put(Part.KEY_VALUE_GRADIENTS, tokens * Float.BYTES * 2 * keys(model));
        bytes.put(Part.LOGITS, logits);
        bytes.put(Part.WINDOW, Math.max(0, backward - logits));
        return new MemoryPlan(bytes);
    }

    /** Loops of a recursive model behind which outputs may learn: all but the last, where there is a teacher. */
    public static int exits(ModelConfig model, KernelsConfig limits) {
        return limits.teacher().isEmpty()
                ? 0
                : model.recursion().map(own -> own.loops() - 1).orElse(0);
    }

    /** A row's output of the last layer, and a factor on its loss. */
    private static long outputBytes(ModelConfig model, KernelsConfig limits) {
        return (long) limits.dtype().bytes() * model.hidden() + Float.BYTES;
    }

    /** Where heads may learn. */
    private static long headBytes(ModelConfig model, KernelsConfig limits) {
        return limits.fullModules() > 0 ? limits.packTokens() * outputBytes(model, limits) : 0;
    }

    /**
     * What each adapter that learns needs, whatever its shape.
     *
     * @param lanes each of which has gradients of its own
     */
    public static MemoryPlan trainee(long parameters, int lanes, long optimizerBytes) {
        return new MemoryPlan(Map.of(
                Part.ADAPTER, Float.BYTES * parameters,
                Part.GRADIENTS, Float.BYTES * parameters * lanes,
                Part.OPTIMIZER, optimizerBytes));
    }

    private static MemoryPlan momentary(long numbers, int lanes) {
        return new MemoryPlan(Map.of(Part.GRADIENTS, Float.BYTES * numbers * lanes));
    }

    /**
     * Gradients of whole weights, of so many layers at once.
     *
     * @param lanes each of which has its own
     */
    public static MemoryPlan sensing(ModelConfig model, int lanes, int layers) {
        long numbers = model.layerParameters() / model.layers() * layers;
        return new MemoryPlan(Map.of(Part.GRADIENTS, Float.BYTES * numbers * lanes));
    }

    /** Numbers that an adapter has on the device only while it learns, and that do not learn. */
    public static MemoryPlan fixed(long numbers, Dtype dtype) {
        return new MemoryPlan(Map.of(Part.ADAPTER, dtype.bytes() * numbers));
    }

    /** Of one token in one layer, beside its input, keys and values. */
    private static long activationBytes(ModelConfig model, KernelsConfig limits) {
        long element = limits.dtype().bytes();
        // Which experts a token went through is kept instead of their gates.
        long gates = model.experts().isPresent() ? 0 : 2L * model.ffn();
        long kept = 2 * queries(model) + gates;
        long chosen = (long) Long.BYTES * model.experts().map(Experts::active).orElse(0);
        return switch (limits.stash()) {
            case KEEP -> element * (kept + model.hidden()) + chosen;
            case RECOMPUTE -> chosen;
            case INT8 -> kept + (gates == 0 ? 2L : 3L) * Float.BYTES + chosen;
        };
    }

    /** Rows of logits that are alive at once while a loss is computed. */
    public static int logitsChunk(ModelConfig model) {
        return Math.max(1, CHUNK_LOGITS / model.vocab());
    }

    /** Parameters of all linear layers, the output layer included. */
    public static long linearParameters(ModelConfig model) {
        return model.layerParameters() + (long) model.vocab() * model.hidden();
    }

    /** Channels of a row of all rotary tables. */
    private static long rotated(ModelConfig model) {
        return model.rotaries().stream().mapToLong(Rotary::width).sum();
    }

    private static long queries(ModelConfig model) {
        return (long) model.heads() * model.headDim();
    }

    private static long keys(ModelConfig model) {
        return (long) model.kvHeads() * model.headDim();
    }

    /** Both together. */
    public MemoryPlan plus(MemoryPlan other) {
        Map<Part, Long> sum = new EnumMap<>(Part.class);
        sum.putAll(bytes);
        other.bytes.forEach((part, more) -> sum.merge(part, more, Long::sum));
        return new MemoryPlan(sum);
    }

    public long bytes(Part part) {
        return bytes.getOrDefault(part, 0L);
    }

    public long total(Owner owner) {
        return bytes.entrySet().stream()
                .filter(entry -> entry.getKey().owner == owner)
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    public long total() {
        return bytes.values().stream().mapToLong(Long::longValue).sum();
    }

    /** A table for people, in megabytes. */
    @Override
    public String toString() {
        String lines = new EnumMap<>(bytes)
                .entrySet().stream()
                        .map(entry -> line(entry.getKey().label, entry.getValue()))
                        .collect(Collectors.joining());
        return lines + line("total", total());
    }

    private static String line(String label, long bytes) {
        return String.format(Locale.ROOT, "%-48s %10.1f MB%n", label, bytes / 1e6);
    }
}
