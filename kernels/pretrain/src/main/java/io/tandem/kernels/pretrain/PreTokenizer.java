package io.tandem.kernels.pretrain;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Cuts text into the pieces that BPE never joins: each digit alone, then GPT-2's words with their space. */
final class PreTokenizer {
    private static final Pattern DIGIT = Pattern.compile("\\p{N}");
    private static final Pattern PIECE = Pattern.compile(
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
            Pattern.UNICODE_CHARACTER_CLASS);

    private PreTokenizer() {}

    static List<String> pieces(String text) {
        List<String> pieces = new ArrayList<>();
        Matcher digit = DIGIT.matcher(text);
        int begin = 0;
        while (digit.find()) {
            words(text.substring(begin, digit.start()), pieces);
            pieces.add(digit.group());
            begin = digit.end();
        }
        words(text.substring(begin), pieces);
        return pieces;
    }

    private static void words(String text, List<String> pieces) {
        Matcher piece = PIECE.matcher(text);
        while (piece.find()) {
            pieces.add(piece.group());
        }
    }
}
