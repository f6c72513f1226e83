package io.tandem.server.dataset;

import static io.tandem.kernels.TrainingPack.IGNORED;
import static io.tandem.kernels.testing.ByteTokenizer.END_OF_MESSAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.Dataset.Pair;
import io.tandem.server.text.SentencePieceFiles;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DatasetReaderTest extends SmallModelTest {
    @Test
    void learnsTheCompletionAndTheFirstStopToken() throws IOException {
        Sequence sequence = only(GOOD);
        assertThat(sequence.tokens()).containsExactly('a', 'b', 'c', 'd', END_OF_MESSAGE);
        assertThat(sequence.labels()).containsExactly(IGNORED, 'c', 'd', END_OF_MESSAGE, IGNORED);
    }

    @Test
    void learnsAllOfATextAndTheFirstStopToken() throws IOException {
        Sequence sequence = only("{\"text\":\"abc\"}");
        assertThat(sequence.tokens()).containsExactly('a', 'b', 'c', END_OF_MESSAGE);
        assertThat(sequence.labels()).containsExactly('b', 'c', END_OF_MESSAGE, IGNORED);
    }

    @Test
    void learnsOnlyTheLastAnswerIfTheHistoryIsMasked() throws IOException {
        String file = "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},"
                + "{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"r\"},"
                + "{\"role\":\"assistant\",\"content\":\"cd\"}]}";
        Sequence each = only(file);
        Sequence last = first(new DatasetReader(model, 100, new TextRules(false, true), Set.of()).read(bytes(file)));
        assertThat(last.tokens()).isEqualTo(each.tokens());
        int answer = last.tokens().length - encoded("cd<|im_end|>\n").length;
        int[] labels = new int[last.tokens().length];
        Arrays.fill(labels, IGNORED);
        System.arraycopy(encoded("cd<|im_end|>"), 0, labels, answer - 1, encoded("cd<|im_end|>").length);
        assertThat(last.labels()).isEqualTo(labels);
    }

    /** All but what the system says and how a message of the user begins; of the user's messages the end too. */
    @Test
    void learnsWhatUsersSayOfWholeChats() throws IOException {
        String file = "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"q😀\"},"
                + "{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"r\"},"
                + "{\"role\":\"assistant\",\"content\":\"cd\"}]}";
        Sequence answers = only(file);
        Sequence whole = first(whole(file));
        assertThat(whole.tokens()).isEqualTo(answers.tokens());
        String learned = "";
        for (int t = 0; t < whole.labels().length; t++) {
            learned += whole.labels()[t] == IGNORED ? "·" : model.tokenizer().token(whole.labels()[t]);
        }
        assertThat(learned.replaceAll("·+", "·").replaceAll("[^ -~\\n]+", "·"))
                .isEqualTo(
                        "·q·<|im_end|>\n<|im_start|>assistant\na<|im_end|>·r<|im_end|>\n<|im_start|>assistant\ncd<|im_end|>·");
    }

    private DatasetReader.Result whole(String file) throws IOException {
        return new DatasetReader(model, 100, new TextRules(false, false, true), Set.of()).read(bytes(file));
    }

    @Test
    void wholeChatsAreOfAUserAndAnAssistant() throws IOException {
        String tools = "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\","
                + "\"reasoning_content\":\"t\"}]}";
        assertThat(((InvalidDataset) whole(GOOD + "\n" + tools)).reasons())
                .containsExactly(
                        "line 1: is no chat; only chats can be written",
                        "line 2: has reasoning_content; chats with that cannot be written");
    }

    @Test
    void learnsOnlyAssistantMessagesAndTheEndOfTheirTurn() throws IOException {
        Sequence sequence = only("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},"
                + "{\"role\":\"assistant\",\"content\":\"a😀\"},{\"role\":\"user\",\"content\":\"r\"},"
                + "{\"role\":\"assistant\",\"content\":\"b\",\"weight\":0},"
                + "{\"role\":\"assistant\",\"content\":\"cd\",\"weight\":1}]}");
        List<ChatMessage> chat = List.of(
                new ChatMessage("user", "q"),
                new ChatMessage("assistant", "a😀"),
                new ChatMessage("user", "r"),
                new ChatMessage("assistant", "b"),
                new ChatMessage("assistant", "cd"));
        assertThat(sequence.tokens()).containsExactly(encoded(model.template().render(chat, false)));
        int first = encoded("<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n").length;
        int second = sequence.tokens().length - encoded("cd<|im_end|>\n").length;
        int[] labels = new int[sequence.tokens().length];
        Arrays.fill(labels, IGNORED);
        System.arraycopy(encoded("a😀<|im_end|>"), 0, labels, first - 1, 6);
        System.arraycopy(encoded("cd<|im_end|>"), 0, labels, second - 1, 3);
        assertThat(sequence.labels()).containsExactly(labels);
    }

    @Test
    void bothAnswersOfAPairFollowTheSamePromptAndOnlyTheyAreLearned() throws IOException {
        Pair pair = preferences(PAIR).pairs().get(0);
        String prompt = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n";
        assertThat(pair.tags()).isEqualTo(new Tags(Optional.empty(), Optional.empty()));
        assertAnswer(pair.preferred(), prompt, "yes<|im_end|>");
        assertAnswer(pair.nonPreferred(), prompt, "no<|im_end|>");
    }

    private void assertAnswer(Sequence sequence, String prompt, String answer) {
        assertThat(sequence.tokens()).containsExactly(encoded(prompt + answer + "\n"));
        int[] labels = new int[sequence.tokens().length];
        Arrays.fill(labels, IGNORED);
        int[] learned = encoded(answer);
        System.arraycopy(learned, 0, labels, encoded(prompt).length - 1, learned.length);
        assertThat(sequence.labels()).containsExactly(labels);
    }

    @Test
    void answersHaveTheTokensThatTheyHaveInTheWholeChat() throws IOException {
        SentencePieceFiles.write(directory);
        loadAgain();
        Sequence chat = only("{\"messages\":[{\"role\":\"user\",\"content\":\"b\"},"
                + "{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"c\"},"
                + "{\"role\":\"assistant\",\"content\":\"b\"}]}");
        assertThat(chat.tokens()).containsExactly(encoded("<s>[INST] b [/INST] a </s><s>[INST] c [/INST] b </s>"));
        assertThat(learned(chat)).containsExactly(" a", " ", "</s>", " ", "b", " ", "</s>");
        Sequence completion = only("{\"prompt\":\"c:\",\"completion\":\"b\"}");
        assertThat(learned(completion)).containsExactly("b", "</s>");
    }

    private List<String> learned(Sequence sequence) {
        return Arrays.stream(sequence.labels())
                .filter(label -> label != IGNORED)
                .mapToObj(model.tokenizer()::token)
                .toList();
    }

    @Test
    void everyShapeMayNameAnAbility() throws IOException {
        String file = String.join(
                "\n",
                "{\"ability\":\"a.1\",\"prompt\":\"a\",\"completion\":\"b\"}",
                "{\"text\":\"abc\",\"ability\":\"b_2-x\"}",
                "{\"ability\":\"" + "c".repeat(64) + "\",\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}",
                GOOD);
        assertThat(supervised(file).examples())
                .extracting(example -> example.tags().ability())
                .containsExactly(
                        Optional.of("a.1"), Optional.of("b_2-x"), Optional.of("c".repeat(64)), Optional.empty());
        assertThat(preferences(PAIR.replaceFirst("\\{", "{\"ability\":\"taste\","))
                        .pairs())
                .extracting(pair -> pair.tags().ability())
                .containsExactly(Optional.of("taste"));
    }

    @Test
    void everyShapeNamesAControlWhereThereAreSome() throws IOException {
        String file = String.join(
                "\n",
                "{\"control\":\"curt\",\"prompt\":\"a\",\"completion\":\"b\"}",
                "{\"text\":\"abc\",\"control\":\"polite\"}",
                "{\"control\":\"curt\",\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}");
        Dataset.Supervised dataset = (Dataset.Supervised) controlled(file, "polite", "curt");
        assertThat(dataset.examples())
                .extracting(example -> example.tags().control().orElseThrow())
                .containsExactly("curt", "polite", "curt");
        assertThat(dataset.summary().controls()).containsExactly(Map.entry("curt", 2), Map.entry("polite", 1));
        String pair = PAIR.replaceFirst("\\{", "{\"control\":\"polite\",");
        assertThat(((Dataset.Preferences) controlled(pair, "polite")).pairs())
                .extracting(it -> it.tags().control().orElseThrow())
                .containsExactly("polite");
    }

    @Test
    void truncationKeepsTheBeginning() throws IOException {
        String text = "x".repeat(99) + "yz";
        Sequence sequence = first(truncated("{\"text\":\"" + text + "\"}"));
        assertThat(sequence.tokens()).containsExactly(encoded(text.substring(0, 100)));
        assertThat(sequence.labels()).startsWith('x').endsWith('y', IGNORED);
    }

    @Test
    void truncationStopsInTheMiddleOfAChat() throws IOException {
        String turn = "{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}";
        String chat = "{\"messages\":[" + (turn + ",").repeat(499) + turn + "]}";
        Sequence sequence = first(truncated(chat));
        // A turn is 9 tokens of the user and 14 of the assistant, and the answer begins at the twelfth of them.
        assertThat(sequence.tokens()).hasSize(100);
        int[] learned = {20, 21, 43, 44, 66, 67, 89, 90};
        for (int t = 0; t < 100; t++) {
            assertThat(sequence.labels()[t] != IGNORED).isEqualTo(Arrays.binarySearch(learned, t + 1) >= 0);
        }
    }

    @Test
    void truncationCutsEachAnswerOfAPair() throws IOException {
        String prompt = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n";
        String file = PAIR.replace("yes", "y".repeat(300));
        Dataset.Preferences dataset = (Dataset.Preferences) truncated(file);
        Sequence cut = dataset.pairs().get(0).preferred();
        int answer = 100 - encoded(prompt).length;
        assertThat(cut.tokens()).containsExactly(encoded(prompt + "y".repeat(answer)));
        assertThat(Arrays.stream(cut.labels()).filter(label -> label == 'y').count())
                .isEqualTo(answer);
        assertAnswer(dataset.pairs().get(0).nonPreferred(), prompt, "no<|im_end|>");
    }

    @Test
    void takesLineEndsAndMarksOfOtherSystems() throws IOException {
        assertThat(supervised("\uFEFF" + GOOD + "\r\n" + GOOD + "\r\n\r\n\n").examples())
                .hasSize(2);
    }

    @Test
    void nulIsACharacterLikeOthers() throws IOException {
        assertThat(only("{\"prompt\":\"a\\u0000\",\"completion\":\"\\u0000b\"}").tokens())
                .containsExactly('a', 0, 0, 'b', END_OF_MESSAGE);
    }

    @Test
    void linesLongerThanTheBufferStayWhole() throws IOException {
        String wide = "{\"prompt\":\"a\",\"completion\":\"b\"" + " ".repeat(200_000) + "}";
        assertThat(supervised(wide + "\n" + GOOD + "\n" + wide).examples())
                .extracting(example -> example.sequence().tokens().length)
                .containsExactly(3, 5, 3);
    }

    private Sequence only(String line) throws IOException {
        assertThat(supervised(line).examples()).hasSize(1);
        return first(supervised(line));
    }

    private static Sequence first(DatasetReader.Result result) {
        return ((Dataset.Supervised) result).examples().get(0).sequence();
    }

    private int[] encoded(String text) {
        return model.tokenizer().encode(text, true);
    }
}
