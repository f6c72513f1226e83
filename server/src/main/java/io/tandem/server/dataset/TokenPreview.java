package io.tandem.server.dataset;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.server.text.Tokenizer;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * What a job will see of a sequence, token by token, so that people can check what is learned before they train.
 *
 * @param example index of the example or the preference pair in its file
 * @param part which sequence of it
 * @param control that the example names
 * @param tokens all of them
 */
public record TokenPreview(int example, Part part, Optional<String> control, List<Token> tokens) {
    /** A sequence's place in its example. */
    public enum Part {
        WHOLE,
        PREFERRED,
        NON_PREFERRED
    }

    /**
     * One token.
     *
     * @param id in the vocabulary
     * @param text as it is; a byte of half a character is {@code \xNN}
     * @param learned whether there is a loss on saying it
     */
    public record Token(int id, String text, boolean learned) {}

    private static final HexFormat HEX = HexFormat.of().withUpperCase();

    public TokenPreview {
        tokens = List.copyOf(tokens);
    }

    /** The sequences of the first examples. */
    public static List<TokenPreview> first(int examples, Dataset dataset, Tokenizer tokenizer) {
        List<TokenPreview> previews = new ArrayList<>();
        int count = Math.min(examples, dataset.summary().examples());
        for (int i = 0; i < count; i++) {
            if (dataset instanceof Dataset.Preferences preferences) {
                Dataset.Pair pair = preferences.pairs().get(i);
                Optional<String> control = pair.tags().control();
                previews.add(new TokenPreview(i, Part.PREFERRED, control, tokens(pair.preferred(), tokenizer)));
                previews.add(new TokenPreview(i, Part.NON_PREFERRED, control, tokens(pair.nonPreferred(), tokenizer)));
            } else if (dataset instanceof Dataset.Supervised supervised) {
                Dataset.Example example = supervised.examples().get(i);
                previews.add(new TokenPreview(
                        i, Part.WHOLE, example.tags().control(), tokens(example.sequence(), tokenizer)));
            }
        }
        return previews;
    }

    private static List<Token> tokens(Sequence sequence, Tokenizer tokenizer) {
        List<Token> tokens = new ArrayList<>();
        for (int t = 0; t < sequence.tokens().length; t++) {
            int id = sequence.tokens()[t];
            boolean learned = t > 0 && sequence.labels()[t - 1] != TrainingPack.IGNORED;
            tokens.add(new Token(id, text(tokenizer.bytes(id)), learned));
        }
        return tokens;
    }

    private static String text(byte[] bytes) {
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(bytes.length * "\\xNN".length());
        for (CoderResult result = decoder.decode(in, out, true);
                result.isMalformed();
                result = decoder.decode(in, out, true)) {
            for (int i = 0; i < result.length(); i++) {
                out.put("\\x").put(HEX.toHexDigits(in.get()));
            }
        }
        return out.flip().toString();
    }
}
