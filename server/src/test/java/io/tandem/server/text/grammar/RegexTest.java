package io.tandem.server.text.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.testing.Seeded;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Expressions against Java's, which mean the same where both know them. */
class RegexTest {
    private static final BitSet BYTES = new BitSet();

    static {
        BYTES.set(0, 256);
    }

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    private String expression(int depth) {
        return switch (random.nextInt(depth == 0 ? 4 : 9)) {
            case 0 -> List.of("a", "b", "c", "é", "😀", "\\.", "\\n").get(random.nextInt(7));
            case 1 ->
                List.of("[ab]", "[^a]", "[a-c]", "[^\\d]", "[é-ü]", "[-a]", "[a\\]]")
                        .get(random.nextInt(7));
            case 2 -> List.of("\\d", "\\w", "\\s", "\\W", ".").get(random.nextInt(5));
            case 3 -> List.of("", "^", "$", "x").get(random.nextInt(4));
            case 4, 5 -> expression(depth - 1) + expression(depth - 1);
            case 6 -> "(" + expression(depth - 1) + "|" + expression(depth - 1) + ")";
            case 7 ->
                "(?:" + repeatable(depth - 1) + ")"
                        + List.of("*", "+", "?", "{2}", "{0,2}", "{1,}", "*?").get(random.nextInt(7));
            default -> "(" + expression(depth - 1) + ")";
        };
    }

    /** Java's Pattern miscounts repetitions of what may match nothing. */
    private String repeatable(int depth) {
        String expression = expression(depth);
        while (Pattern.matches(expression, "")) {
            expression = expression(depth);
        }
        return expression;
    }

    private String text() {
        StringBuilder text = new StringBuilder();
        List<String> parts = List.of("a", "b", "c", "é", "😀", ".", "\n", "1", "x", " ", "ü");
        for (int i = random.nextInt(6); i > 0; i--) {
            text.append(parts.get(random.nextInt(parts.size())));
        }
        return text.toString();
    }

    @Test
    void theSameTextsMatch() {
        int matched = 0;
        for (int i = 0; i < 400; i++) {
            String expression = expression(3);
            Grammar grammar = ChoiceGrammar.ofPattern("(?:" + expression + ")|~", BYTES);
            for (int j = 0; j < 30; j++) {
                String text = text();
                // Java's $ also stands before a last line end, which nobody means here.
                boolean matches = Pattern.compile("(?:" + expression.replace("$", "\\z") + ")|~")
                        .matcher(text)
                        .matches();
                matched += matches ? 1 : 0;
                assertThat(grammar.accepts(text)).as(expression + " " + text).isEqualTo(matches);
            }
        }
        assertThat(matched).isGreaterThan(100);
    }

    @Test
    void aPatternOfASchemaIsFoundAnywhere() {
        Grammar grammar = ChoiceGrammar.ofPattern("^a{2,3}$|^$", BYTES);
        assertThat(List.of("", "aa", "aaa")).allMatch(grammar::accepts);
        assertThat(List.of("a", "aaaa", "baa")).noneMatch(grammar::accepts);
        assertThat(ChoiceGrammar.ofPattern("x{,3}", BYTES).accepts("x{,3}")).isTrue();
        assertThat(ChoiceGrammar.ofPattern("\\u00e9\\x41[\\b]\\/", BYTES).accepts("éA\b/"))
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(",
                ")",
                "a)",
                "[a",
                "*a",
                "a**",
                "a++",
                "a{3,2}",
                "a{20000}",
                "(?=a)",
                "(?!a)",
                "(?<=a)",
                "(?<!a)",
                "(a)\\1",
                "\\bword",
                "\\p{L}",
                "(?i)a",
                "\\",
                "\\xg1",
                "[z-a]",
                "\\Z"
            })
    void whatIsNotRegularOrNotRightIsRefused(String expression) {
        assertThatThrownBy(() -> ChoiceGrammar.ofPattern(expression, BYTES))
                .isInstanceOf(GrammarException.class)
                .hasMessageMatching("(?s)has an expression with .* at character \\d+ of .*");
    }
}
