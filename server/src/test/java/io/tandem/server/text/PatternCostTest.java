package io.tandem.server.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PatternCostTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "\\s+",
                // GPT-2
                "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
                // Llama 3, Qwen 2 and 3
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                        + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                        + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                // GPT-4o, gpt-oss
                "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
                        + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
                        + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                // DeepSeek V3
                "\\p{N}{1,3}",
                "[一-龥぀-ゟ゠-ヿ]+",
                "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                        + "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                // Falcon, BLOOM
                "[0-9][0-9][0-9]",
                " ?[^(\\s|[.,!?…。，、।۔،])]+",
                // OLMo, Phi-4: digits from the right
                "\\d{1,3}(?=(?:\\d{3})*\\b)",
            })
    void acceptsWhatModelsUse(String regex) {
        assertThat(PatternCost.maxChars(regex)).isGreaterThanOrEqualTo(4096);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "^(a|a|aa)+$b",
                "(a+)+$",
                "(a*)*b",
                "(?:a|aa)*b",
                "(?>a|aa)*b",
                "((a?){1,30}){1,30}b",
                "(?:a{1,3}){1,30}b",
                "(?:a?b?)+c",
                "a*a*a*a*b",
                "\\s*\\s*\\s*x",
                "(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)b",
                "a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaaaaaaaaaaaaaa",
                "(a)\\1",
                "\\k<x>",
                "(?<x>a|b\\g<x>c)",
                "(?=(a+)+b)x",
                "(?!.*.*.*b)x",
                "a{2}{3}",
                "a**",
                "(?(1)a|b)",
                "(",
                "[a",
                "a\\",
            })
    void refusesWhatMayGoBackWithoutEnd(String regex) {
        assertThatThrownBy(() -> PatternCost.maxChars(regex)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\\s*\\s*x", "a+.*b"})
    void givesShortPiecesToWhatGoesBackTwice(String regex) {
        assertThat(PatternCost.maxChars(regex)).isBetween(256, 2048);
    }
}
