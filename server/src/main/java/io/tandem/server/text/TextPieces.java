package io.tandem.server.text;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Cuts long texts into pieces for the native tokenizer, whose memory and time grow with the text. A cut is made between
 * a letter and a space or the like, if there is one: no token of the vocabulary reaches across, so the tokens are those
 * of the whole. A long text without such a place, ten thousand spaces for example, is cut anywhere.
 */
final class TextPieces {
    private static final String BREAKS = " \n\u3001\u3002\uff0c";

    private final int maxChars;
    private final String breaks;
    private final List<String> whole;

    /**
     * @param maxChars of a piece
     * @param tokens texts of the vocabulary
     * @param whole texts that are never cut
     */
    TextPieces(int maxChars, Collection<String> tokens, Collection<String> whole) {
        this.maxChars = maxChars;
        this.whole = List.copyOf(whole);
        StringBuilder safe = new StringBuilder();
        for (int i = 0; i < BREAKS.length(); i++) {
            String end = BREAKS.substring(i, i + 1);
            if (tokens.stream().noneMatch(token -> reachesAcross(token, end))) {
                safe.append(end);
            }
        }
        breaks = safe.toString();
    }

    private static boolean reachesAcross(String token, String end) {
        for (int at = token.indexOf(end, 1); at > 0; at = token.indexOf(end, at + 1)) {
            if (Character.isLetterOrDigit(token.codePointBefore(at))) {
                return true;
            }
        }
        return false;
    }

    List<String> of(String text) {
        List<String> pieces = new ArrayList<>(1 + text.length() / maxChars);
        int start = 0;
        while (text.length() - start > maxChars) {
            int end = end(text, start);
            pieces.add(text.substring(start, end));
            start = end;
        }
        pieces.add(text.substring(start));
        return pieces;
    }

    private int end(String text, int start) {
        for (int at = start + maxChars; at > start + maxChars / 2; at--) {
            if (isSafe(text, at) && !insideWhole(text, start, at)) {
                return at;
            }
        }
        int at = start + maxChars;
        while (at > start + maxChars / 2
                && (Character.isLowSurrogate(text.charAt(at)) || insideWhole(text, start, at))) {
            at--;
        }
        return at;
    }

    private boolean isSafe(String text, int at) {
        return breaks.indexOf(text.charAt(at)) >= 0
                && Character.isLetterOrDigit(text.codePointBefore(at))
                && at + 1 < text.length()
                && Character.isLetterOrDigit(text.codePointAt(at + 1));
    }

    private boolean insideWhole(String text, int start, int at) {
        for (String token : whole) {
            for (int from = Math.max(start, at - token.length() + 1); from < at; from++) {
                if (text.startsWith(token, from)) {
                    return true;
                }
            }
        }
        return false;
    }
}
