package io.tandem.server.config;

import java.util.Arrays;

/** Levenshtein's distance, to find what a misspelt name was meant to be. */
public final class EditDistance {
    private EditDistance() {}

    /**
     * Edits from one text to the other, and the limit if there are as many or more. Takes time in proportion to the limit
     * and the shorter text.
     */
    public static int between(String a, String b, int limit) {
        if (Math.abs(a.length() - b.length()) >= limit) {
            return limit;
        }
        int[] above = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            above[j] = Math.min(j, limit);
        }
        for (int i = 1; i <= a.length(); i++) {
            int[] row = new int[b.length() + 1];
            Arrays.fill(row, limit);
            row[0] = Math.min(i, limit);
            // Away from the diagonal by the limit, no way is short enough.
            for (int j = Math.max(1, i - limit); j <= Math.min(b.length(), i + limit); j++) {
                int replaced = above[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(limit, Math.min(replaced, 1 + Math.min(above[j], row[j - 1])));
            }
            above = row;
        }
        return above[b.length()];
    }
}
