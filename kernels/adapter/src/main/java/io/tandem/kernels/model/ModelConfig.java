package io.tandem.kernels.model;

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
 * @param ffn width between gate/up and down projection
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
        boolean tiedEmbeddings) {

    private static final List<List<TargetModule>> APART = List.of(
            List.of(TargetModule.Q_PROJ, TargetModule.K_PROJ, TargetModule.V_PROJ),
            List.of(TargetModule.O_PROJ),
            List.of(TargetModule.GATE_PROJ, TargetModule.UP_PROJ),
            List.of(TargetModule.DOWN_PROJ));
    private static final List<List<TargetModule>> FUSED = List.of(
            List.of(TargetModule.QKV_PROJ),
            List.of(TargetModule.O_PROJ),
            List.of(TargetModule.GATE_UP_PROJ),
            List.of(TargetModule.DOWN_PROJ));

    public ModelConfig {
        rotaries = List.copyOf(rotaries);
        attention = List.copyOf(attention);
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
     * The four linears that the device multiplies in each layer, in the order of the computation, each with the modules
     * that it joins: their rows lie one after the other.
     */
    public List<List<TargetModule>> linears() {
        return fused ? FUSED : APART;
    }

    /** The modules of a layer, in the order of the computation. */
    public List<TargetModule> modules() {
        return linears().stream().flatMap(List::stream).toList();
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
                    tied);
        }
    }
}
