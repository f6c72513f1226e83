package io.tandem.kernels.reference;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The decoder of the Llama family in double precision, one sequence at a time, made to be read. Rows of a matrix are
 * tokens; {@code [i][j]} is token i, channel j.
 */
public final class ReferenceDecoder {
    /** A label of positions that have no loss. */
    public static final int IGNORED = -100;

    private final ModelConfig model;
    private final Map<String, float[]> weights;
    private final ReferenceRotary rotary;

    /**
     * A decoder over weights by HuggingFace's names.
     *
     * @param weights linears as {@code [outputs, inputs]}, row by row
     */
    public ReferenceDecoder(ModelConfig model, Map<String, float[]> weights) {
        this.model = model;
        this.weights = weights;
        this.rotary = new ReferenceRotary(model);
    }

    /**
     * The logits of the token after each position.
     *
     * @param tokens a sequence from its beginning
     * @param adapter applied to every linear that it has factors for, or null
     * @return {@code [tokens][vocab]}
     */
    public double[][] logits(int[] tokens, @Nullable Adapter adapter) {
        return head(hidden(tokens, adapter));
    }

    /**
     * The same where tokens leave early (CALM, Schuster et al., 2022): from its stop on, a layer, a token's residual stream
     * stays as it is, and later tokens attend to the keys and values that it has there. Layers that the adapter skips do
     * nothing.
     *
     * @param stops of each token, the number of layers if it goes through all
     */
    public double[][] logits(int[] tokens, @Nullable Adapter adapter, int[] stops) {
        return head(hidden(tokens, adapter, new ArrayList<>(), stops));
    }

    private double[][] head(double[][] x) {
        double[][] last = rmsNorm(x, weight("model.norm.weight"));
        float[] head = weight(model.tiedEmbeddings() ? "model.embed_tokens.weight" : "lm_head.weight");
        return multiply(last, head, model.vocab(), model.hidden());
    }

    /** The residual stream after the last layer, before the final norm: {@code [tokens][hidden]}. */
    double[][] hidden(int[] tokens, @Nullable Adapter adapter) {
        return hidden(tokens, adapter, new ArrayList<>());
    }

    /** What each layer's attention and MLP get, with the norm before it: {@code [layers * 2][tokens][hidden]}. */
    public List<double[][]> layerInputs(int[] tokens, @Nullable Adapter adapter) {
        List<double[][]> inputs = new ArrayList<>();
        hidden(tokens, adapter, inputs);
        return inputs;
    }

    private double[][] hidden(int[] tokens, @Nullable Adapter adapter, List<double[][]> inputs) {
        int[] all = new int[tokens.length];
        Arrays.fill(all, model.layers());
        return hidden(tokens, adapter, inputs, all);
    }

    private double[][] hidden(int[] tokens, @Nullable Adapter adapter, List<double[][]> inputs, int[] stops) {
        double[][] x = new double[tokens.length][model.hidden()];
        float[] embedding = weight("model.embed_tokens.weight");
        for (int i = 0; i < tokens.length; i++) {
            for (int j = 0; j < model.hidden(); j++) {
                x[i][j] = embedding[tokens[i] * model.hidden() + j];
            }
        }
        for (int layer = 0; layer < model.layers(); layer++) {
            if (adapter != null && adapter.skipped().contains(layer)) {
                continue;
            }
            int number = layer;
            int[] going = IntStream.range(0, tokens.length)
                    .filter(token -> number < stops[token])
                    .toArray();
            String prefix = "model.layers." + layer + ".";
            double[][] h = rmsNorm(x, weight(prefix + "input_layernorm.weight"));
            inputs.add(h);
            add(x, attention(layer, h, adapter), going);
            double[][] m = rmsNorm(x, weight(prefix + "post_attention_layernorm.weight"));
            inputs.add(m);
            add(x, mlp(layer, m, adapter), going);
        }
        return x;
    }

    /**
     * The summed cross entropy, in nats.
     *
     * @param logits {@code [tokens][vocab]}
     * @param labels for every position the token that should follow it, or {@link #IGNORED}
     */
    public static double loss(double[][] logits, int[] labels) {
        double loss = 0;
        for (int i = 0; i < labels.length; i++) {
            if (labels[i] == IGNORED) {
                continue;
            }
            double max = Double.NEGATIVE_INFINITY;
            for (double logit : logits[i]) {
                max = Math.max(max, logit);
            }
            double sum = 0;
            for (double logit : logits[i]) {
                sum += Math.exp(logit - max);
            }
            loss += max + Math.log(sum) - logits[i][labels[i]];
        }
        return loss;
    }

    /** {@code x / sqrt(mean(x^2) + epsilon) * weight} (Zhang and Sennrich, 2019). */
    private double[][] rmsNorm(double[][] x, float[] weight) {
        double[][] y = new double[x.length][];
        for (int i = 0; i < x.length; i++) {
            y[i] = rmsNorm(x[i], weight);
        }
        return y;
    }

    private double[] rmsNorm(double[] x, float[] weight) {
        double squares = 0;
        for (double value : x) {
            squares += value * value;
        }
        double scale = 1 / Math.sqrt(squares / x.length + model.norms().epsilon());
        double[] y = new double[x.length];
        for (int j = 0; j < x.length; j++) {
            y[j] = x[j] * scale * weight[j];
        }
        return y;
    }

    private double[][] attention(int layer, double[][] h, @Nullable Adapter adapter) {
        int d = model.headDim();
        double[][] q = linear(layer, TargetModule.Q_PROJ, h, adapter);
        double[][] k = linear(layer, TargetModule.K_PROJ, h, adapter);
        double[][] v = linear(layer, TargetModule.V_PROJ, h, adapter);
        String prefix = "model.layers." + layer + ".self_attn.";
        double[][] out = new double[h.length][model.heads() * d];
        for (int i = 0; i < h.length; i++) {
            positioned(q[i], model.heads(), i, prefix + "q_norm.weight");
            positioned(k[i], model.kvHeads(), i, prefix + "k_norm.weight");
            for (int head = 0; head < model.heads(); head++) {
                // Neighbouring query heads share a key head.
                int kvHead = head / (model.heads() / model.kvHeads());
                double[] p = attentionRow(q[i], head * d, k, kvHead * d, i);
                for (int s = 0; s <= i; s++) {
                    for (int j = 0; j < d; j++) {
                        out[i][head * d + j] += p[s] * v[s][kvHead * d + j];
                    }
                }
            }
        }
        return linear(layer, TargetModule.O_PROJ, out, adapter);
    }

    /** Norm of every head, where the model has one, then the rotation; in place. */
    private void positioned(double[] row, int heads, int position, String norm) {
        int d = model.headDim();
        for (int head = 0; head < heads; head++) {
            double[] x = Arrays.copyOfRange(row, head * d, (head + 1) * d);
            if (model.norms().queryKey() != Norms.QueryKey.NONE) {
                x = rmsNorm(x, weight(norm));
            }
            System.arraycopy(rotary.rotate(x, position), 0, row, head * d, d);
        }
    }

    /** Probabilities of the positions 0 to i: {@code softmax(q k / sqrt(d))}. */
    double[] attentionRow(double[] q, int qOffset, double[][] k, int kOffset, int i) {
        int d = model.headDim();
        double[] p = new double[i + 1];
        double max = Double.NEGATIVE_INFINITY;
        for (int s = 0; s <= i; s++) {
            for (int j = 0; j < d; j++) {
                p[s] += q[qOffset + j] * k[s][kOffset + j];
            }
            p[s] /= Math.sqrt(d);
            max = Math.max(max, p[s]);
        }
        double sum = 0;
        for (int s = 0; s <= i; s++) {
            p[s] = Math.exp(p[s] - max);
            sum += p[s];
        }
        for (int s = 0; s <= i; s++) {
            p[s] /= sum;
        }
        return p;
    }

    /** {@code down(silu(gate(x)) * up(x))} (Shazeer, 2020). */
    private double[][] mlp(int layer, double[][] x, @Nullable Adapter adapter) {
        double[][] gate = linear(layer, TargetModule.GATE_PROJ, x, adapter);
        double[][] up = linear(layer, TargetModule.UP_PROJ, x, adapter);
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < model.ffn(); j++) {
                gate[i][j] = gate[i][j] / (1 + Math.exp(-gate[i][j])) * up[i][j];
            }
        }
        return linear(layer, TargetModule.DOWN_PROJ, gate, adapter);
    }

    /** {@code W x + bias + scaling * B (A x)}. */
    private double[][] linear(int layer, TargetModule module, double[][] x, @Nullable Adapter adapter) {
        Site site = new Site(layer, module);
        int outputs = module.outputs(model);
        double[][] y = multiply(x, weight(site + ".weight"), outputs, module.inputs(model));
        float[] bias = weights.get(site + ".bias");
        LowRank factors =
                adapter == null ? null : adapter.skipping(Set.of()).factors().get(site);
        double[][] change = null;
        if (factors != null) {
            double[][] u = multiply(x, factors.a(), factors.rank(), factors.inputs());
            change = multiply(u, factors.b(), factors.outputs(), factors.rank());
        }
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < outputs; j++) {
                y[i][j] += bias == null ? 0 : bias[j];
                y[i][j] += change == null || factors == null ? 0 : factors.scaling() * change[i][j];
            }
        }
        return y;
    }

    /** {@code x W^T} for a weight of {@code [outputs, inputs]}. */
    private static double[][] multiply(double[][] x, float[] w, int outputs, int inputs) {
        double[][] y = new double[x.length][outputs];
        for (int i = 0; i < x.length; i++) {
            for (int o = 0; o < outputs; o++) {
                double sum = 0;
                for (int j = 0; j < inputs; j++) {
                    sum += w[o * inputs + j] * x[i][j];
                }
                y[i][o] = sum;
            }
        }
        return y;
    }

    private static void add(double[][] x, double[][] y, int[] rows) {
        for (int i : rows) {
            for (int j = 0; j < x[i].length; j++) {
                x[i][j] += y[i][j];
            }
        }
    }

    private float[] weight(String name) {
        float[] weight = weights.get(name);
        if (weight == null) {
            throw new IllegalArgumentException("no weight " + name);
        }
        return weight;
    }
}
