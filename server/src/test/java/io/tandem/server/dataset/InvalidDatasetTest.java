package io.tandem.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class InvalidDatasetTest extends SmallModelTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "{#not valid JSON",
                "{} {}#not valid JSON",
                "[]#not a JSON object",
                "null#not a JSON object",
                "{\"a\":1,\"a\":2}#not valid JSON",
                "{\"text\":\"a\",\"text\":\"b\"}#not valid JSON",
                "{\"text\":NaN}#not valid JSON",
                "{}#has no keys, expected those of one format: messages; ",
                "{\"ability\":\"x\"}#has the keys ability, expected those of one format",
                "{\"completion\":\"x\"}#has the keys completion, expected",
                "{\"prompt\":\"a\",\"completion\":null}#has the keys prompt, expected",
                "{\"prompt\":\"a\",\"completion\":3}#completion is missing or not a text",
                "{\"prompt\":\"a\",\"completion\":\"b\",\"extra\":1}#extra is not a known key",
                "{\"prompt\":\"a\",\"completion\":\"b\\ud83d\"}#completion has half a surrogate pair",
                "{\"text\":[]}#text is missing or not a text",
                "{\"text\":\"a\",\"\":1}# is not a known key beside text",
                "{\"text\":\"\"}#text is empty",
                "{\"text\":\"a\",\"prompt\":\"b\"}#prompt is not a known key",
                "{\"text\":\"a\",\"ability\":\"\"}#ability is not 1 to 64",
                "{\"text\":\"a\",\"ability\":\"-a\"}#ability is not 1 to 64",
                "{\"text\":\"a\",\"ability\":\"a b\"}#ability is not 1 to 64",
                "{\"text\":\"a\",\"ability\":\"a\\n\"}#ability is not 1 to 64",
                "{\"text\":\"a\",\"ability\":7}#ability is not 1 to 64",
                "{\"messages\":[]}#messages is not a list",
                "{\"messages\":[5]}#messages[0] is not an object",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}#has no assistant message",
                "{\"messages\":[{\"role\":\"robot\",\"content\":\"q\"}]}#messages[0].role is robot",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"q\",\"weight\":1}]}#weight must be 0 or 1",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\",\"weight\":2}]}#weight must be 0 or 1",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\",\"weight\":true}]}#weight must be 0 or 1",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\",\"weight\":0}]}#has nothing to learn",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\",\"refusal\":\"x\"}]}#messages[0].refusal is not a known",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\",\"weight\":0.5}]}#weight must be 0 or 1",
                "{\"instruction\":\"a\",\"output\":\"\"}#output is empty",
                "{\"instruction\":\"a\",\"output\":\"b\",\"input\":5}#input is not a text",
                "{\"conversations\":[{\"from\":\"tool\",\"value\":\"a\"}]}#conversations[0].from is tool, expected human",
                "{\"conversations\":[{\"from\":\"human\",\"value\":\"a\"}]}#has no assistant message",
                "{\"chosen\":\"a\",\"rejected\":\"b\"}#prompt is missing or not a text",
                "{\"prompt\":\"a\",\"chosen\":5,\"rejected\":6}#chosen is not a list with messages",
                "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]}#messages[0].tool_calls[0].function",
                "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":5}]}#messages[0].tool_calls",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"q\",\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}]}#messages[0].tool_calls is only",
                "{\"messages\":[{\"role\":\"tool\",\"content\":5}]}#messages[0].content is not a text",
                "{\"messages\":[{\"role\":\"assistant\",\"function_call\":{}}]}#messages[0].function_call is an older name; write tool_calls",
                "{\"messages\":[{\"role\":\"tool\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"q\"}]}#has tools, which the model's chat template does not know",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\"},{\"role\":\"user\",\"content\":\"q\"}]}#the last",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\"}],\"tools\":[{}]}#tools[0].type",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\"}],\"functions\":[{}]}#functions is an older name; write tools instead",
                "{\"messages\":[],\"parallel_tool_calls\":true}#messages is not a list",
            })
    void refusesWithLineAndReason(String line, String reason) throws IOException {
        assertRefused(GOOD, line, reason);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "\"input\"#\"extra\":1,\"input\"#extra is not a known key",
                "\"input\"#\"prompt\"#has the keys non_preferred_output, preferred_output, prompt, expected",
                "{\"messages\"#5,\"x\":{\"messages\"#x is not a known key",
                "\"messages\"#\"tools\":[{}],\"messages\"#input.tools[0].type",
                "\"messages\"#\"mess\"#input.mess is not a known key",
                "\"role\":\"user\"#\"role\":\"assistant\"#the last message of input is the assistant's",
                "\"role\":\"user\"#\"role\":\"user\",\"weight\":0#input.messages[0].weight is not a known key",
                "\"content\":\"q\"#\"content\":null#input.messages[0].content is missing or not a text",
                "\"assistant\"#\"user\"#preferred_output is not one assistant message",
                "\"content\":\"yes\"}#\"content\":\"yes\"},{\"role\":\"assistant\",\"content\":\"x\"}#not one assistant",
                "\"content\":\"yes\"#\"content\":\"\"#preferred_output[0].content is empty",
                ",\"non_preferred_output\":[{\"role\":\"assistant\",\"content\":\"no\"}]##has the keys input, preferred_output, expected",
                "\"yes\"#\"no\"#has two outputs that are the same",
            })
    void refusesPairsWithLineAndReason(String part, String change, String reason) throws IOException {
        String line = PAIR.replaceFirst(Pattern.quote(part), Matcher.quoteReplacement(change == null ? "" : change));
        assertThat(line).isNotEqualTo(PAIR);
        assertRefused(PAIR, line, reason);
    }

    private void assertRefused(String good, String line, String reason) throws IOException {
        InvalidDataset invalid = invalid(good + "\n" + line + "\n" + good);
        assertThat(invalid.count()).isEqualTo(1);
        assertThat(invalid.reasons())
                .singleElement()
                .asString()
                .startsWith("line 2: ")
                .contains(reason);
        assertThat(invalid.summary().examples()).isEqualTo(2);
    }

    @Test
    void refusesAFileWithBothKinds() throws IOException {
        assertThat(invalid(GOOD + "\n" + PAIR + "\n" + GOOD + "\n" + PAIR).reasons())
                .containsExactly(
                        "line 2: is a preference pair, but line 1 is not",
                        "line 4: is a preference pair, but line 1 is not");
        assertThat(invalid("{}\n" + PAIR + "\n" + GOOD).reasons().get(1))
                .isEqualTo("line 3: is not a preference pair, but line 2 is");
    }

    @Test
    void countsAllMistakesButTellsTen() throws IOException {
        InvalidDataset invalid = invalid((GOOD + "\nnonsense\n").repeat(25));
        assertThat(invalid.count()).isEqualTo(25);
        assertThat(invalid.reasons()).hasSize(10);
        assertThat(invalid.reasons().get(9)).startsWith("line 20: is not valid JSON");
        assertThat(invalid.summary().examples()).isEqualTo(25);
    }

    @Test
    void refusesLongExamplesAndCountsWhatTruncationWouldCut() throws IOException {
        String fits = "{\"prompt\":\"a\",\"completion\":\"" + "x".repeat(98) + "\"}";
        assertThat(supervised(fits).examples()).hasSize(1);
        String promptOnly = "{\"prompt\":\"" + "x".repeat(100) + "\",\"completion\":\"x\"}";
        InvalidDataset invalid = invalid(fits.replace("xx", "xxx") + "\n" + fits + "\n" + promptOnly);
        String tooLong = ": has more than 100 tokens; shorten it, set 'truncate', or raise kernels.context-tokens and"
                + " kernels.pack-tokens";
        assertThat(invalid.reasons()).containsExactly("line 1" + tooLong, "line 3" + tooLong);
        assertThat(invalid.summary().truncated()).isEqualTo(1);
        assertThat(invalid.summary().examples()).isEqualTo(1);
    }

    @Test
    void truncationNeverLeavesNothingToLearn() throws IOException {
        String prompt = "{\"prompt\":\"" + "x".repeat(100) + "\",\"completion\":\"x\"}";
        assertThat(((InvalidDataset) truncated(prompt)).reasons())
                .containsExactly("line 1: has nothing to learn in its first 100 tokens");
        assertThat(((InvalidDataset) truncated(PAIR.replace("\"q\"", "\"" + "q".repeat(100) + "\""))).reasons())
                .containsExactly("line 1: has nothing to learn in its first 100 tokens");
        String same = "z".repeat(200);
        assertThat(((InvalidDataset) truncated(PAIR.replace("yes", same + "1").replace("\"no\"", "\"" + same + "\"")))
                        .reasons())
                .containsExactly("line 1: has two outputs that are the same in its first 100 tokens");
    }

    @Test
    void refusesEmptyFiles() throws IOException {
        assertThat(invalid("").reasons()).containsExactly("the file has no examples");
        assertThat(invalid("\n \n").reasons()).containsExactly("the file has no examples");
        assertThat(invalid("[]").reasons()).containsExactly("the file has no examples");
        assertThat(invalid("prompt,completion\n").reasons()).containsExactly("the file has no examples");
    }

    @Test
    void refusesHugeAndDeepLines() throws IOException {
        assertThat(invalid("x".repeat(9 << 20) + "\n" + GOOD).reasons())
                .containsExactly("line 1: is longer than 4194304 bytes");
        String longest = GOOD + " ".repeat(LineReader.MAX_LINE_BYTES - GOOD.length());
        assertThat(supervised(longest + "\n" + GOOD).examples()).hasSize(2);
        assertThat(invalid(longest + " \n" + GOOD).reasons()).containsExactly("line 1: is longer than 4194304 bytes");
        assertThat(invalid("[".repeat(100_000)).reasons().get(0)).contains("not valid JSON");
        assertThat(invalid("{\"a\":".repeat(100_000)).reasons().get(0)).contains("not valid JSON");
        assertThat(invalid("{\"" + "k".repeat(100_000) + "\":1}").reasons().get(0))
                .contains("not valid JSON")
                .hasSizeLessThan(400);
    }

    @Test
    void aWrongByteIsAMistakeOfItsLine() throws IOException {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes((GOOD + "\n{\"text\":\"é").getBytes(StandardCharsets.UTF_8));
        file.write(0xFF);
        file.writeBytes(("\"}\n" + GOOD + "\n\0\n" + GOOD + "\n{\"text\":\"").getBytes(StandardCharsets.UTF_8));
        file.write(0xC3);
        DatasetReader.Result result = new DatasetReader(model, 100, TextRules.DEFAULT, Set.of())
                .read(new ByteArrayInputStream(file.toByteArray()));
        assertThat(((InvalidDataset) result).reasons())
                .hasSize(3)
                .startsWith("line 2: is not valid UTF-8 at byte 12")
                .endsWith("line 6: is not valid UTF-8 at byte 10")
                .element(1)
                .asString()
                .startsWith("line 4: is not valid JSON");
    }

    @Test
    void randomBytesAreRefusedOrReadButNeverBreakTheReader() throws IOException {
        Random random = new Random(11);
        byte[] good = (GOOD + "\n" + PAIR + "\n{\"text\":\"é😀\"}\n").getBytes(StandardCharsets.UTF_8);
        for (int round = 0; round < 500; round++) {
            byte[] file = good.clone();
            for (int change = random.nextInt(4); change >= 0; change--) {
                file[random.nextInt(file.length)] = (byte) random.nextInt(256);
            }
            DatasetReader.Result result =
                    new DatasetReader(model, 100, TextRules.DEFAULT, Set.of()).read(new ByteArrayInputStream(file));
            // Both kinds are in the file, so at least one line is wrong.
            assertThat(((InvalidDataset) result).count()).isBetween(1, 7);
        }
    }

    @Test
    void stopsAtTheFilesLimits() throws IOException {
        String three = (GOOD + "\n").repeat(3);
        assertThat(limited(three, 3, 15)).isInstanceOf(Dataset.Supervised.class);
        assertThat(limited(three + GOOD + "\n{}", 3, 1000))
                .isInstanceOfSatisfying(
                        InvalidDataset.class,
                        invalid -> assertThat(invalid.reasons())
                                .containsExactly("line 4: the file has more than 3 examples; split it"));
        assertThat(limited(three + "{}", 3, 14))
                .isInstanceOfSatisfying(
                        InvalidDataset.class,
                        invalid -> assertThat(invalid.reasons())
                                .containsExactly("line 3: the file has more than 14 tokens; split it"));
    }

    @Test
    void boundsTheTimeForChatsOfManyTurns() throws IOException {
        String answer = "{\"role\":\"assistant\",\"content\":\"a\"}";
        // Rendered with 0 and 1 messages, and then with 1 and 2.
        String two = "{\"messages\":[" + answer + "," + answer + "]}\n";
        assertThat(limited(two + GOOD, 100, 1000)).isInstanceOf(Dataset.Supervised.class);
        assertThat(limited(two + two + GOOD, 100, 1000))
                .isInstanceOfSatisfying(
                        InvalidDataset.class,
                        invalid -> assertThat(invalid.reasons())
                                .singleElement()
                                .asString()
                                .startsWith("line 2: the file's chats have too many turns")
                                .endsWith("more than 6 messages"));
    }

    private DatasetReader.Result limited(String file, int examples, long tokens) throws IOException {
        return new DatasetReader(model, TextRules.DEFAULT, Set.of(), new DatasetReader.Limits(100, examples, tokens, 6))
                .read(bytes(file));
    }

    @Test
    void refusesMoreAbilitiesThanAReportCanName() throws IOException {
        StringBuilder file = new StringBuilder();
        for (int i = 0; i < SummaryCounter.MAX_ABILITIES; i++) {
            file.append("{\"text\":\"abc\",\"ability\":\"a" + i + "\"}\n");
        }
        String allowed = file + GOOD + "\n{\"text\":\"abc\",\"ability\":\"a7\"}\n";
        assertThat(supervised(allowed).examples()).hasSize(102);
        assertThat(invalid(allowed + "{\"text\":\"abc\",\"ability\":\"b\"}\n").reasons())
                .containsExactly("line 103: the file has more than 100 abilities");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                GOOD,
                PAIR,
                "{\"text\":\"abc\"}",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}",
            })
    void everyLineNamesOneOfTheControls(String line) throws IOException {
        String curt = control(line, "\"curt\"");
        String file = String.join("\n", curt, line, control(line, "\"rude\""), control(line, "7"), curt);
        InvalidDataset invalid = (InvalidDataset) controlled(file, "polite", "curt");
        assertThat(invalid.reasons())
                .containsExactly(
                        "line 2: has no control, expected one of curt, polite",
                        "line 3: has the control rude, expected one of curt, polite",
                        "line 4: control is not 1 to 64 letters, digits, dots, dashes and underscores");
        assertThat(invalid.summary().controls()).containsExactly(Map.entry("curt", 2));
    }

    @Test
    void refusesAControlWhereThereIsNone() throws IOException {
        assertThat(invalid(GOOD + "\n" + control(GOOD, "\"curt\"")).reasons())
                .containsExactly("line 2: has the control curt, but no controls were given");
    }

    private static String control(String line, String value) {
        return line.replaceFirst("\\{", "{\"control\":" + value + ",");
    }
}
