package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.reference.ReferenceDecoder;
import io.tandem.kernels.weights.ModelFiles;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Answers of a recursive model whose tokens leave early, by the rule in plain Java, token by token. */
final class ExpectedExits {
    /** Tokens of an answer. */
    static final int LENGTH = 14;

    static final double NEVER = 1;

    /** What probabilities and thresholds, or two tokens, have to be apart so that rounding decides nothing. */
    private static final double MARGIN = 1e-3;

    private final ReferenceDecoder reference;
    private final int layers;
    private final int vocab;
    private final int loops;
    private final Map<Integer, Adapter> adapters;
    private final Random random;

    /** @param adapters by slot */
    ExpectedExits(ModelFiles files, ModelConfig model, Map<Integer, Adapter> adapters, Random random) {
        this.reference = reference(files, model);
        this.layers = model.layers();
        this.vocab = model.vocab();
        this.loops = model.recursion().orElseThrow().loops();
        this.adapters = adapters;
        this.random = random;
    }

    /** An answer and how it came about. */
    record Answer(int[] prompt, @Nullable Integer adapter, double threshold, List<Draw> draws) {
        int[] tokens() {
            int[] tokens = Arrays.copyOf(prompt, prompt.length + draws.size());
            for (int i = 0; i < draws.size(); i++) {
                tokens[prompt.length + i] = draws.get(i).token();
            }
            return tokens;
        }

        int[] slots() {
            return adapter == null ? IterationInputs.BASE : new int[] {adapter};
        }

        /** After how many loops the rows before this one left. */
        int[] loops(int first, int end) {
            int[] loops = new int[end - first];
            for (int row = first; row < end; row++) {
                loops[row - first] = row < prompt.length
                        ? 0
                        : draws.get(row - prompt.length + 1).loops();
            }
            return loops;
        }
    }

    private static ReferenceDecoder reference(ModelFiles files, ModelConfig model) {
        BaseWeights whole = BaseWeights.of(files.weights(), model);
        Map<String, float[]> weights = new HashMap<>();
        for (String name : files.weights().names()) {
            if (!name.contains("lora_")) {
                weights.put(name, files.weights().floats(name));
            }
        }
        Adapter.Site.all(model).forEach(site -> weights.put(site + ".weight", whole.of(site)));
        return new ReferenceDecoder(model, weights);
    }

    /** Greedy, or empty if rounding might decide. */
    private Optional<Answer> expected(int[] prompt, @Nullable Integer slot, double threshold) {
        @Nullable Adapter adapter = slot == null ? null : adapters.get(slot);
        List<Draw> draws = new ArrayList<>();
        int[] tokens = prompt;
        int[] stops = new int[prompt.length + LENGTH];
        Arrays.fill(stops, layers);
        while (draws.size() < LENGTH) {
            int last = tokens.length - 1;
            int loop = draws.isEmpty() || threshold == NEVER ? loops : 1;
            double[] scores = scores(tokens, adapter, stops, loop * layers / loops);
            for (; loop < loops && Math.exp(best(scores, 0)) < threshold; loop++) {
                if (near(Math.exp(best(scores, 0)), threshold)) {
                    return Optional.empty();
                }
                scores = scores(tokens, adapter, stops, (loop + 1) * layers / loops);
            }
            boolean decided = loop == loops || !near(Math.exp(best(scores, 0)), threshold);
            if (!decided || best(scores, 0) - best(scores, 1) < MARGIN) {
                return Optional.empty();
            }
            int token = token(scores);
            draws.add(new Draw(token, (float) scores[token], new int[0], Devices.narrow(scores), loop % loops));
            tokens = Arrays.copyOf(tokens, tokens.length + 1);
            tokens[last + 1] = token;
        }
        return Optional.of(new Answer(prompt, slot, threshold, draws));
    }

    private static boolean near(double probability, double threshold) {
        return Math.abs(probability - threshold) < MARGIN * threshold;
    }

    private double[] scores(int[] tokens, @Nullable Adapter adapter, int[] stops, int stop) {
        stops[tokens.length - 1] = stop;
        return Devices.logSoftmax(reference.logits(tokens, adapter, stops)[tokens.length - 1]);
    }

    private static double best(double[] scores, int rank) {
        double[] sorted = scores.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length - 1 - rank];
    }

    private static int token(double[] scores) {
        int token = 0;
        for (int i = 1; i < scores.length; i++) {
            token = scores[i] > scores[token] ? i : token;
        }
        return token;
    }

    /** An answer some of whose tokens leave early, after each loop, and some do not. */
    Answer mixed(@Nullable Integer slot) {
        for (int attempt = 0; attempt < 300; attempt++) {
            int[] prompt = Devices.tokens(random, 3 + random.nextInt(12), vocab);
            double threshold = 0.05 + 0.9 * random.nextDouble();
            Optional<Answer> answer = expected(prompt, slot, threshold)
                    .filter(own -> own.draws().stream()
                                    .skip(1)
                                    .map(Draw::loops)
                                    .distinct()
                                    .count()
                            == loops);
            if (answer.isPresent()) {
                return answer.get();
            }
        }
        throw new AssertionError("no answer with tokens of all depths");
    }

    Answer whole() {
        Optional<Answer> answer = Optional.empty();
        while (answer.isEmpty()) {
            answer = expected(Devices.tokens(random, 9, vocab), null, NEVER);
        }
        return answer.get();
    }
}
