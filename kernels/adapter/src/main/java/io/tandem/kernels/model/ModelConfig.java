package io.tandem.kernels.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Everything that tells one decoder from another. Families differ in nothing else: whatever reads a model, holds its
 * adapters or computes with it looks here, never at the family's name.
 *
 * @param architecture the name from the file, for example {@code LlamaForCausalLM}
 * @param layers number of decoder layers
 * @param hidden width of the residual stream
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads}
 * @param headDim width of one head, not always {@code hidden / heads}
 * @param ffn width between gate/up and down projection, of one expert if there are several
 * @param vocab rows of the embedding
 * @param maxPositions longest context that the model was made for, in tokens
 * @param norms kind and place of its norms
 * @param rotaries its rotary embeddings
 * @param attention of each layer
 * @param biases which linears have one
 * @param activation of the gate
 * @param scales constant factors and bounds
 * @param fused whether the file has q, k and v in one linear, and gate and up in another
 * @param tiedEmbeddings whether the language-model head is the embedding
 * @param experts in place of the MLP, if there are any
 * @param recursion how layers share their weights, if they do
 */
public record ModelConfig(
        String architecture,
        int layers,
        int hidden,
        int heads,
        int kvHeads,
        int headDim,
        int ffn,
        int vocab,
        int maxPositions,
        Norms norms,
        List<Rotary> rotaries,
        List<LayerAttention> attention,
        Biases biases,
        Activation activation,
        Scales scales,
        boolean fused,
        boolean tiedEmbeddings,
        Optional<Experts> experts,
        Optional<Recursion> recursion) {

    private static final List<TargetModule> QKV =
            List.of(TargetModule.Q_PROJ, TargetModule.K_PROJ, TargetModule.V_PROJ);
    private static final List<TargetModule> GATE_UP = List.of(TargetModule.GATE_PROJ, TargetModule.UP_PROJ);

    public ModelConfig {
        rotaries = List.copyOf(rotaries);
        attention = List.copyOf(attention);
        if (experts.isPresent() && (fused || norms.placement().after())) {
            throw new IllegalArgumentException("experts are not fused, and have no norm behind them");
        }
        if (recursion.filter(own -> layers % own.loops() != 0).isPresent()) {
            throw new IllegalArgumentException(recursion.get().loops() + " loops of " + layers + " layers");
        }
    }

    /** A model of Llama's structure, from which others are made by saying how they differ. */
    public static Builder llama(int layers, int hidden, int heads, int kvHeads, int headDim, int ffn, int vocab) {
        return new Builder(new int[] {layers, hidden, heads, kvHeads, headDim, ffn, vocab});
    }

    /** Query heads that share one key and value head. */
    public int group() {
        return heads / kvHeads;
    }

    /** Rows of the joined q, k and v projection. */
    public int qkvRows() {
        return (heads + 2 * kvHeads) * headDim;
    }

    /**
     * The linears of a layer in the order in which {@code linears.py} numbers them: q k v, output, gate and up, down; the
     * last two for each expert, if there are any.
     */
    public List<JoinedLinear> linears() {
        List<JoinedLinear> linears = new ArrayList<>();
        linears.add(new JoinedLinear(fused ? List.of(TargetModule.QKV_PROJ) : QKV, -1));
        linears.add(new JoinedLinear(List.of(TargetModule.O_PROJ), -1));
        experts.ifPresentOrElse(
                mixture -> {
                    for (int expert = 0; expert < mixture.count(); expert++) {
                        linears.add(new JoinedLinear(mixture.modules().subList(0, 2), expert));
                        linears.add(new JoinedLinear(mixture.modules().subList(2, 3), expert));
                    }
                },
                () -> {
                    linears.add(new JoinedLinear(fused ? List.of(TargetModule.GATE_UP_PROJ) : GATE_UP, -1));
                    linears.add(new JoinedLinear(List.of(TargetModule.DOWN_PROJ), -1));
                });
        return linears;
    }

    /** The modules of a layer, each once, in the order of the computation. */
    public List<TargetModule> modules() {
        return linears().stream()
                .flatMap(linear -> linear.modules().stream())
                .distinct()
                .toList();
    }

    /** Layers whose linears have weights of their own: the first so many. */
    public int blockLayers() {
        return layers / recursion.map(Recursion::loops).orElse(1);
    }

    /** The layer whose weights a layer's linears have. */
    public int block(int layer) {
        return layer % blockLayers();
    }

    /** Numbers in the weights of all layers' linears, each once, routers included. */
    public long layerParameters() {
        long linears =
                linears().stream().mapToLong(linear -> linear.numbers(this)).sum();
        long router = experts.map(mixture -> (long) mixture.count() * hidden).orElse(0L);
        return blockLayers() * linears + layers * router;
    }

    /** Numbers in the factors by which layers differ from the weights that they share, if all layers have them. */
    public long factorParameters() {
        long each = linears().stream()
                .flatMap(linear -> linear.modules().stream())
                .mapToLong(this::factorNumbers)
                .sum();
        return layers * each;
    }

    private long factorNumbers(TargetModule module) {
        return recursion
                .map(own -> (long) own.rank(this, module) * (module.inputs(this) + module.outputs(this)))
                .orElse(0L);
    }

    /** Names of {@link #modules} for messages. */
    public String moduleNames() {
        return modules().stream().map(TargetModule::label).collect(Collectors.joining(", "));
    }

    /** The different windows of its layers, ascending; 0 for all positions. */
    public List<Integer> windows() {
        return attention.stream()
                .map(LayerAttention::window)
                .distinct()
                .sorted()
                .toList();
    }

    /** Sets what differs from Llama. */
    public static final class Builder {
        private final int[] sizes;
        private String architecture = "LlamaForCausalLM";
        private int maxPositions = 2048;
        private Norms norms = new Norms(Norms.Kind.RMS, 1e-5, Norms.Placement.BEFORE, Norms.QueryKey.NONE);
        private List<Rotary> rotaries;
        private List<LayerAttention> attention;
        private Biases biases = Biases.NONE;
        private Activation activation = Activation.SILU;
        private Scales scales;
        private boolean fused;
        private boolean tied;
        private Optional<Experts> experts = Optional.empty();
        private Optional<Recursion> recursion = Optional.empty();

        private Builder(int[] sizes) {
            this.sizes = sizes;
            rotaries = List.of(new Rotary(10_000, headDim(), Optional.empty()));
            attention = Collections.nCopies(layers(), new LayerAttention(0, 0));
            scales = Scales.of(headDim());
        }

        public int layers() {
            return sizes[0];
        }

        public int hidden() {
            return sizes[1];
        }

        public int headDim() {
            return sizes[4];
        }

        public double epsilon() {
            return norms.epsilon();
        }

        public Scales scales() {
            return scales;
        }

        public Builder architecture(String name) {
            architecture = name;
            return this;
        }

        public Builder maxPositions(int positions) {
            maxPositions = positions;
            return this;
        }

        public Builder norms(Norms all) {
            norms = all;
            return this;
        }

        /** The epsilon of norms that are otherwise Llama's. */
        public Builder epsilon(double epsilon) {
            return norms(new Norms(norms.kind(), epsilon, norms.placement(), norms.queryKey()));
        }

        public Builder queryKeyNorm(Norms.QueryKey what) {
            return norms(new Norms(norms.kind(), norms.epsilon(), norms.placement(), what));
        }

        /** The same rotary embedding in all layers. */
        public Builder rotary(Rotary one) {
            rotaries = List.of(one);
            return this;
        }

        /** Theta of an embedding that is otherwise Llama's. */
        public Builder theta(double theta) {
            return rotary(new Rotary(theta, headDim(), rotaries.get(0).scaling()));
        }

        public Builder rotaries(List<Rotary> all) {
            rotaries = all;
            return this;
        }

        /** One for each layer. */
        public Builder attention(List<LayerAttention> all) {
            if (all.size() != layers()) {
                throw new IllegalArgumentException(all.size() + " for " + layers() + " layers");
            }
            attention = all;
            return this;
        }

        /** The same window in each layer, 0 for none. */
        public Builder window(int window) {
            return attention(Collections.nCopies(layers(), new LayerAttention(window, 0)));
        }

        public Builder biases(Biases which) {
            biases = which;
            return this;
        }

        public Builder activation(Activation function) {
            activation = function;
            return this;
        }

        public Builder scales(Scales all) {
            scales = all;
            return this;
        }

        public Builder fused() {
            fused = true;
            return this;
        }

        public Builder tied(boolean is) {
            tied = is;
            return this;
        }

        public Builder experts(Experts mixture) {
            experts = Optional.of(mixture);
            return this;
        }

        public Builder recursion(Recursion loops) {
            recursion = Optional.of(loops);
            return this;
        }

        public ModelConfig build() {
            return new ModelConfig(
                    architecture,
                    sizes[0],
                    sizes[1],
                    sizes[2],
                    sizes[3],
                    sizes[4],
                    sizes[5],
                    sizes[6],
                    maxPositions,
                    norms,
                    rotaries,
                    attention,
                    biases,
                    activation,
                    scales,
                    fused,
                    tied,
                    experts,
                    recursion);
        }
    }
}
