package io.tandem.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class DatasetSummaryTest extends SmallModelTest {
    private static final String TASTE = PAIR.replaceFirst("\\{", "{\"ability\":\"taste\",");

    @Test
    void countsWhatIsTrained() throws IOException {
        String file = String.join(
                "\n",
                // 2 + 3 + 1 tokens, of which 4 are learned.
                "{\"prompt\":\"ab\",\"completion\":\"cde\",\"ability\":\"short\"}",
                // 4 + 1 tokens; nothing comes before the first, so 4 are learned.
                "{\"text\":\"abcd\",\"ability\":\"text\"}",
                // Cut to 100 tokens, of which 99 are learned.
                "{\"text\":\"" + "x".repeat(500) + "\",\"ability\":\"text\"}",
                // The start token, "user\n", "q", the end token, "\n": 9; the start token, "assistant\n": 11;
                // "a", the end token: 2 that are learned; "\n": 1.
                "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]}");
        Dataset dataset = (Dataset) truncated(file);
        assertThat(dataset.summary())
                .isEqualTo(new DatasetSummary(
                        4,
                        6 + 5 + 100 + 23,
                        4 + 4 + 99 + 2,
                        100,
                        1,
                        0,
                        new TreeMap<>(Map.of("short", 1, "text", 2)),
                        new TreeMap<>(),
                        new TreeMap<>(Map.of("chat", 1, "completion", 1, "text", 2))));
    }

    @Test
    void countsBothSequencesOfAPair() throws IOException {
        // A prompt of 20 tokens; "yes" or "no" and the end token are learned; "\n".
        assertThat(preferences(TASTE).summary())
                .isEqualTo(new DatasetSummary(
                        1,
                        20 + 4 + 1 + 20 + 3 + 1,
                        4 + 3,
                        25,
                        0,
                        0,
                        new TreeMap<>(Map.of("taste", 1)),
                        new TreeMap<>(),
                        new TreeMap<>(Map.of("preference", 1))));
    }

    @Test
    void duplicatesAreCountedByWhatIsTrainedAndNotRefused() throws IOException {
        String file = String.join(
                "\n",
                "{\"prompt\":\"ab\",\"completion\":\"cd\"}",
                "{\"completion\":\"cd\", \"prompt\":\"ab\",\"ability\":\"x\"}",
                "{\"prompt\":\"ab\",\"completion\":\"cd\"}",
                "{\"prompt\":\"abc\",\"completion\":\"d\"}",
                "{\"text\":\"abcd\"}");
        Dataset.Supervised dataset = supervised(file);
        assertThat(dataset.examples()).hasSize(5);
        assertThat(dataset.summary().duplicates()).isEqualTo(2);
        String swapped = TASTE.replace("yes", "?").replace("\"no\"", "\"yes\"").replace("?", "no");
        assertThat(preferences(TASTE + "\n" + swapped + "\n" + TASTE).summary().duplicates())
                .isEqualTo(1);
    }
}
