package io.tandem.kernels.reference;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.reference.Tape.Matrix;
import io.tandem.kernels.testing.TinyModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntFunction;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A decoder of any family in double precision, one whole sequence at a time, with gradients. It knows nothing of how a
 * model is read or computed elsewhere: a test sets it up from what the family's published code does, and its random
 * weights come to be under the names and in the shapes in which it asks for them.
 */
public final class FamilyReference {
    /** {@code [rows, columns]}, or {@code [columns]} if there are no rows. */
    public record Weight(int rows, int columns, float[] values) {}

    /** @param gradient laid out like the adapter */
    public record Result(double loss, Adapter gradient) {}

    public int layers = 3;
    public int hidden = 32;
    public int heads = 4;
    public int kvHeads = 2;
    public int headDim = 8;
    public int ffn = 44;
    public int vocab = 61;
    public double epsilon = 1e-5;
    /** Norm weights are the difference from one. */
    public boolean fromOne;

    public boolean layerNorm;
    public List<String> normsBefore = List.of("input_layernorm", "post_attention_layernorm");
    public List<String> normsAfter = List.of();
    /** 0 for none, otherwise how many numbers of queries and keys are normed together. */
    public int queryNorm;

    public int keyNorm;
    public boolean qkvBias;
    public boolean outputBias;
    public boolean mlpBias;
    public boolean fused;
    /** Of each layer; 0 for a plain MLP. */
    public int experts;

    public int active;
    /** Whether the ratings of active experts are divided by their sum. */
    public boolean shared;

    public String expertBlock = "mlp";
    /** Gate, up and down. */
    public List<String> expertNames = List.of("gate_proj", "up_proj", "down_proj");

    public boolean tied;
    public double embeddingScale = 1;
    public double residual = 1;
    public double logitScale = 1;
    public double scoreScale = 1 / Math.sqrt(8);
    public double scoreCap;
    public double logitCap;
    public DoubleUnaryOperator activation = x -> x / (1 + Math.exp(-x));
    /** By layer; 0 for all positions. */
    public IntUnaryOperator window = layer -> 0;
    /** By layer, of the pairs of channels that are turned. */
    public IntFunction<double[]> frequencies = layer -> plain(10_000, headDim);

    public double stretch = 1;

    private final Random random;
    private final Map<String, Weight> weights = new LinkedHashMap<>();

    public FamilyReference(long seed) {
        random = new Random(seed);
    }

    /** Frequencies of a rotary embedding over so many channels. */
    public static double[] plain(double theta, int width) {
        double[] frequencies = new double[width / 2];
        for (int j = 0; j < frequencies.length; j++) {
            frequencies[j] = Math.pow(theta, -2.0 * j / width);
        }
        return frequencies;
    }

    /** GELU by its approximation with tanh (Hendrycks and Gimpel, 2016). */
    public static double geluTanh(double x) {
        return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    }

    /** All weights that a forward pass asks for, by HuggingFace's names. */
    public Map<String, Weight> weights() {
        logits(new int[] {0}, null);
        return weights;
    }

    /** Other values for one of them. */
    public void replace(String name, float[] values) {
        Weight old = weight(name);
        weights.put(name, new Weight(old.rows(), old.columns(), values));
    }

    private Weight weight(String name) {
        return Objects.requireNonNull(weights.get(name));
    }

    /** The logits of the token after each position, {@code [tokens][vocab]}. */
    public double[][] logits(int[] tokens, @Nullable Adapter adapter) {
        Matrix logits = new Pass(adapter).logits(tokens);
        double[][] rows = new double[tokens.length][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = Arrays.copyOfRange(logits.values, i * vocab, (i + 1) * vocab);
        }
        return rows;
    }

    /**
     * How far the logit of the last expert that each position goes through is above that of the best left out: the least
     * over all layers, infinite without experts. Where it is within rounding, either choice is right.
     */
    public double[] expertMargins(int[] tokens, @Nullable Adapter adapter) {
        Pass pass = new Pass(adapter);
        pass.logits(tokens);
        double[] least = new double[tokens.length];
        Arrays.fill(least, Double.POSITIVE_INFINITY);
        for (Matrix logits : pass.routers) {
            for (int i = 0; i < least.length; i++) {
                double[] row = Arrays.copyOfRange(logits.values, i * experts, (i + 1) * experts);
                Arrays.sort(row);
                least[i] = Math.min(least[i], row[experts - active] - row[experts - active - 1]);
            }
        }
        return least;
    }

    /** The loss of a sequence and its gradient with respect to the adapter. */
    public Result learn(int[] tokens, int[] labels, Adapter adapter) {
        Pass pass = new Pass(adapter);
        Matrix loss = pass.tape.loss(pass.logits(tokens), labels);
        pass.tape.backward(loss);
        SortedMap<Site, Change> gradients = new TreeMap<>();
        adapter.modules().forEach((site, change) -> {
            List<Matrix> used = pass.used.get(site.toString());
            List<Parameter> all = change.parameters();
            List<float[]> own = new ArrayList<>();
            for (int i = 0; i < all.size(); i++) {
                own.add(used == null ? new float[all.get(i).values().length] : narrow(used.get(i).gradient));
            }
            gradients.put(site, change.with(own));
        });
        return new Result(loss.values[0], new Adapter(adapter.config(), gradients));
    }

    private static float[] narrow(double[] values) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    /** One sequence. */
    private final class Pass {
        private final Tape tape = new Tape();
        /** The logits of the experts, by layer. */
        private final List<Matrix> routers = new ArrayList<>();

        /** The parameters of changes that took part. */
        private final Map<String, List<Matrix>> used = new LinkedHashMap<>();

        private final Map<String, Change> changes = new LinkedHashMap<>();

        Pass(@Nullable Adapter adapter) {
            if (adapter != null) {
                adapter.modules().forEach((site, change) -> changes.put(site.toString(), change));
            }
        }

        Matrix logits(int[] tokens) {
            Matrix embedding = matrix("model.embed_tokens.weight", vocab, hidden, tied ? 1 / Math.sqrt(hidden) : 1);
            Matrix x = tape.map(tape.rows(embedding, tokens), value -> embeddingScale * value);
            for (int layer = 0; layer < layers; layer++) {
                String prefix = "model.layers." + layer + ".";
                x = add(prefix, 0, x, attention(layer, prefix + "self_attn.", before(prefix, 0, x)));
                Matrix h = before(prefix, 1, x);
                x = add(prefix, 1, x, experts == 0 ? mlp(prefix + "mlp.", h) : mixture(prefix + expertBlock + ".", h));
            }
            x = norm("model.norm", x);
            Matrix head = tied ? embedding : matrix("lm_head.weight", vocab, hidden, 1 / Math.sqrt(hidden));
            return tape.map(tape.linear(x, head), value -> capped(value * logitScale, logitCap));
        }

        private Matrix before(String prefix, int place, Matrix x) {
            return normsBefore.isEmpty() ? x : norm(prefix + normsBefore.get(place), x);
        }

        private Matrix add(String prefix, int place, Matrix x, Matrix y) {
            String name = prefix + (place == 0 ? "self_attn.attention_output" : "mlp.mlp_output");
            Matrix z = changes.get(name) instanceof Bottleneck change ? bottleneck(name, change, x, y) : y;
            return tape.add(x, normsAfter.isEmpty() ? z : norm(prefix + normsAfter.get(place), z), residual);
        }

        /** {@code y + scaling (U f(D h + d) + u)} with SiLU for f. */
        private Matrix bottleneck(String name, Bottleneck change, Matrix x, Matrix y) {
            List<Matrix> own = matrices(name, change);
            Matrix h = switch (change.kind().input()) {
                case OUTPUT -> y;
                case STREAM -> x;
                case SUM -> tape.add(x, y, 1);
            };
            Matrix z = tape.add(tape.linear(h, own.get(0)), row(own.get(1)), 1);
            Matrix a = tape.map(z, value -> value / (1 + Math.exp(-value)));
            Matrix added = tape.add(tape.linear(a, own.get(3)), row(own.get(2)), 1);
            return tape.add(y, added, change.kind().scaling());
        }

        /** A column as a row. */
        private Matrix row(Matrix column) {
            return tape.linear(tape.of(1, 1, new float[] {1}), column);
        }

        private List<Matrix> matrices(String name, Change change) {
            List<Matrix> own = change.parameters().stream()
                    .map(p -> tape.of(p.rows(), p.columns(), p.values()))
                    .toList();
            used.put(name, own);
            return own;
        }

        private Matrix norm(String name, Matrix x) {
            Matrix y = tape.normalise(x, epsilon, layerNorm);
            y = tape.multiply(y, repeated(vector(name + ".weight", x.columns, fromOne ? 0 : 1), x.rows));
            if (fromOne) {
                y = tape.add(y, tape.normalise(x, epsilon, false), 1);
            }
            return layerNorm ? tape.add(y, vector(name + ".bias", x.columns, 0), 1) : y;
        }

        private Matrix repeated(Matrix row, int times) {
            return tape.rows(row, new int[times]);
        }

        private Matrix attention(int layer, String prefix, Matrix h) {
            int queries = heads * headDim;
            int keys = kvHeads * headDim;
            List<Matrix> parts = fused
                    ? split(linear(prefix + "qkv_proj", h, queries + 2 * keys, qkvBias), queries, keys, keys)
                    : List.of(
                            linear(prefix + "q_proj", h, queries, qkvBias),
                            linear(prefix + "k_proj", h, keys, qkvBias),
                            linear(prefix + "v_proj", h, keys, qkvBias));
            Matrix q = queryNorm == 0 ? parts.get(0) : grouped(prefix + "q_norm", parts.get(0), queryNorm);
            Matrix k = keyNorm == 0 ? parts.get(1) : grouped(prefix + "k_norm", parts.get(1), keyNorm);
            List<Matrix> outputs = new ArrayList<>();
            double[] angles = frequencies.apply(layer);
            for (int head = 0; head < heads; head++) {
                int kvHead = head / (heads / kvHeads);
                Matrix scores = tape.linear(
                        tape.rotate(head(q, head), angles, stretch), tape.rotate(head(k, kvHead), angles, stretch));
                scores = tape.map(scores, value -> capped(value * scoreScale, scoreCap));
                Matrix p = tape.causalSoftmax(scores, window.applyAsInt(layer));
                outputs.add(tape.product(p, head(parts.get(2), kvHead)));
            }
            return linear(prefix + "o_proj", tape.join(outputs), hidden, outputBias);
        }

        private Matrix head(Matrix x, int number) {
            return tape.columns(x, number * headDim, (number + 1) * headDim);
        }

        /** The norm of so many neighbouring columns at a time. */
        private Matrix grouped(String name, Matrix x, int width) {
            List<Matrix> groups = new ArrayList<>();
            for (int first = 0; first < x.columns; first += width) {
                groups.add(norm(name, tape.columns(x, first, first + width)));
            }
            return tape.join(groups);
        }

        private Matrix mlp(String prefix, Matrix h) {
            List<Matrix> both = fused
                    ? split(linear(prefix + "gate_up_proj", h, 2 * ffn, mlpBias), ffn, ffn)
                    : List.of(
                            linear(prefix + "gate_proj", h, ffn, mlpBias), linear(prefix + "up_proj", h, ffn, mlpBias));
            Matrix opened = tape.multiply(tape.map(both.get(0), activation), both.get(1));
            return linear(prefix + "down_proj", opened, hidden, mlpBias);
        }

        /** Every expert computes every row, and those that a row does not go through weigh nothing. */
        private Matrix mixture(String prefix, Matrix h) {
            Matrix logits = tape.linear(h, matrix(prefix + "gate.weight", experts, hidden, 2 / Math.sqrt(hidden)));
            routers.add(logits);
            Matrix weights = tape.largest(tape.softmax(logits), active, shared);
            Matrix sum = tape.map(h, value -> 0);
            for (int expert = 0; expert < experts; expert++) {
                String name = prefix + "experts." + expert + ".";
                Matrix gate = tape.map(linear(name + expertNames.get(0), h, ffn, false), activation);
                Matrix opened = tape.multiply(gate, linear(name + expertNames.get(1), h, ffn, false));
                Matrix y = linear(name + expertNames.get(2), opened, hidden, false);
                sum = tape.add(sum, tape.multiplyRows(y, tape.columns(weights, expert, expert + 1)), 1);
            }
            return sum;
        }

        private List<Matrix> split(Matrix x, int... widths) {
            List<Matrix> parts = new ArrayList<>();
            int first = 0;
            for (int width : widths) {
                parts.add(tape.columns(x, first, first + width));
                first += width;
            }
            return parts;
        }

        /** {@code x W^T + bias + scaling (x A^T) B^T}. */
        private Matrix linear(String name, Matrix x, int outputs, boolean biased) {
            Matrix y = tape.linear(x, matrix(name + ".weight", outputs, x.columns, 1 / Math.sqrt(x.columns)));
            if (biased) {
                y = tape.add(y, vector(name + ".bias", outputs, 0), 1);
            }
            if (!(changes.get(name) instanceof LowRank change)) {
                return y;
            }
            List<Matrix> own = matrices(name, change);
            return tape.add(y, tape.linear(tape.linear(x, own.get(0)), own.get(1)), change.scaling());
        }

        private Matrix matrix(String name, int rows, int columns, double scale) {
            Weight weight =
                    weights.computeIfAbsent(name, key -> new Weight(rows, columns, draw(rows * columns, 0, scale)));
            return tape.of(rows, columns, weight.values());
        }

        private Matrix vector(String name, int columns, double around) {
            Weight weight = weights.computeIfAbsent(name, key -> new Weight(0, columns, draw(columns, around, 0.2)));
            return tape.of(1, columns, weight.values());
        }
    }

    private static double capped(double value, double cap) {
        return cap == 0 ? value : cap * Math.tanh(value / cap);
    }

    /** Numbers that a bfloat16 holds, so that the same reach every type. */
    private float[] draw(int count, double around, double scale) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = TinyModel.rounded(around + scale * random.nextGaussian());
        }
        return values;
    }
}
