package io.tandem.server.dataset;

import static io.tandem.kernels.TrainingPack.IGNORED;
import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.server.dataset.Dataset.Example;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Chat templates whose rendered chats do not begin with the prompts that are served. */
class ServedPromptTest extends SmallModelTest {
    private static final String TURNS = "{\"messages\":[%s{\"role\":\"user\",\"content\":\"q\"},"
            + "{\"role\":\"assistant\",\"content\":\"%s\"}%s]}";

    private static final String MORE =
            ",{\"role\":\"user\",\"content\":\"r\"},{\"role\":\"assistant\",\"content\":\"b\"}";

    private List<String> trained(String template, String line) throws IOException {
        Files.writeString(directory.resolve("chat_template.jinja"), template);
        loadAgain();
        return supervised(line).examples().stream()
                .map(Example::sequence)
                .map(this::shown)
                .collect(Collectors.toList());
    }

    /** The text, with what is learned in brackets. */
    private String shown(Sequence sequence) {
        StringBuilder text = new StringBuilder();
        boolean learned = false;
        for (int i = 0; i < sequence.tokens().length; i++) {
            boolean next = i > 0 && sequence.labels()[i - 1] != IGNORED;
            if (next != learned) {
                text.append(next ? "[" : "]");
            }
            learned = next;
            text.append(model.tokenizer().token(sequence.tokens()[i]));
        }
        return text.append(learned ? "]" : "").toString();
    }

    /** DeepSeek-R1's prompts end in {@code <think>}, which its rendered answers lack. */
    @Test
    void promptsThatEndInAThought() throws IOException {
        String template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
                + "{% if m.role == 'assistant' %}<|im_end|>{% endif %}{% endfor %}"
                + "{% if add_generation_prompt %}<assistant><think>{% endif %}";
        assertThat(trained(template, TURNS.formatted("", "a", "")))
                .containsExactly("<user>q<assistant><think>[a<|im_end|>]");
        assertThat(trained(template, TURNS.formatted("", "<a>", "")))
                .containsExactly("<user>q<assistant><think>[<a><|im_end|>]");
        assertThat(trained(template, TURNS.formatted("", "a", MORE)))
                .containsExactly(
                        "<user>q<assistant><think>[a<|im_end|>]",
                        "<user>q<assistant>a<|im_end|><user>r<assistant><think>[b<|im_end|>]");
    }

    /** Qwen3 drops the thoughts of earlier answers. */
    @Test
    void earlierAnswersThatAreRenderedShorter() throws IOException {
        String template = "{% for m in messages %}<{{ m.role }}>"
                + "{% if m.role == 'assistant' and not loop.last %}{{ m.content.split('/')[-1] }}<|im_end|>"
                + "{% elif m.role == 'assistant' %}{{ m.content }}<|im_end|>{% else %}{{ m.content }}{% endif %}"
                + "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
        assertThat(trained(template, TURNS.formatted("", "t/a", MORE)))
                .containsExactly(
                        "<user>q<assistant>[t/a<|im_end|>]",
                        "<user>q<assistant>a<|im_end|><user>r<assistant>[b<|im_end|>]");
        assertThat(trained(template, TURNS.formatted("", "a", MORE)))
                .containsExactly("<user>q<assistant>[a<|im_end|>]<user>r<assistant>[b<|im_end|>]");
    }

    /** A turn that is not to be learned needs no text of its own. */
    @Test
    void turnsOfWeightZero() throws IOException {
        String template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
                + "{% if m.role == 'assistant' %}<|im_end|>{% endif %}{% endfor %}"
                + "{% if add_generation_prompt %}<assistant><think>{% endif %}";
        String line = TURNS.formatted("", "a\",\"weight\":0,\"name\":\"x", MORE);
        assertThat(trained(template, line))
                .containsExactly("<user>q<assistant>a<|im_end|><user>r<assistant><think>[b<|im_end|>]");
    }

    /** Mistral renders the system's text with the last turn of the user, if it is the last of all. */
    @Test
    void systemPromptsThatMove() throws IOException {
        String template = "{% set system = '' %}{% if messages[0].role == 'system' %}"
                + "{% set system = messages[0].content %}{% endif %}"
                + "{% for m in messages %}{% if m.role == 'user' %}(U){% if loop.last %}{{ system }}/{% endif %}"
                + "{{ m.content }}(/U){% elif m.role == 'assistant' %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}";
        assertThat(trained(template, TURNS.formatted("{\"role\":\"system\",\"content\":\"s\"},", "a", "")))
                .containsExactly("(U)s/q(/U)[a<|im_end|>]");
    }

    @Test
    void beginningsThatCountTheMessages() throws IOException {
        String template = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}";
        assertThat(trained(template, TURNS.formatted("", "a", ""))).containsExactly("1q[a]");
        assertThat(trained(template, TURNS.formatted("", "a", MORE))).containsExactly("1q[a]", "3qar[b]");
    }

    @Test
    void templatesThatLeaveOutAnswersAreRefused() throws IOException {
        Files.writeString(directory.resolve("chat_template.jinja"), "{% if add_generation_prompt %}x{% endif %}y");
        loadAgain();
        assertThat(invalid(TURNS.formatted("", "a", "")).reasons())
                .singleElement()
                .asString()
                .contains("messages[1] cannot be learned: the chat template leaves out its text");
    }

    /** Calls are learned as the template writes them, behind the tools that a request would show. */
    @Test
    void toolsAndTheirCalls() throws IOException {
        String template = "{% for t in tools or [] %}{{ t.function.name }} {% endfor %}"
                + "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
                + "{% for c in m.tool_calls or [] %}({{ c.function.name }} {{ c.function.arguments.city }}){% endfor %}"
                + "{% if m.role == 'assistant' %}<|im_end|>{% endif %}{% endfor %}"
                + "{% if add_generation_prompt %}<assistant>{% endif %}";
        String tools =
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"parallel_tool_calls\":false";
        String call = "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\","
                + "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"city\\\":\\\"Rome\\\"}\"}}]}";
        String chat = "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}," + call
                + ",{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"rain\"},"
                + "{\"role\":\"assistant\",\"content\":\"a\"}]," + tools + "}";
        assertThat(trained(template, chat))
                .containsExactly("f <user>q<assistant>[(f Rome)<|im_end|>]<tool>rain<assistant>[a<|im_end|>]");
        assertThat(trained(template, chat.replace("q\"}," + call, "q\"}," + call.replace("]}", "],\"weight\":0}"))))
                .containsExactly("f <user>q<assistant>(f Rome)<|im_end|><tool>rain<assistant>[a<|im_end|>]");

        Files.writeString(directory.resolve("chat_template.jinja"), template);
        loadAgain();
        String pair = "{\"input\":{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]," + tools
                + "},\"preferred_output\":[" + call
                + "],\"non_preferred_output\":[{\"role\":\"assistant\",\"content\":\"a\"}]}";
        assertThat(preferences(pair).pairs().stream()
                        .flatMap(both -> Stream.of(both.preferred(), both.nonPreferred()))
                        .map(this::shown))
                .containsExactly("f <user>q<assistant>[(f Rome)<|im_end|>]", "f <user>q<assistant>[a<|im_end|>]");
    }

    /** Thoughts are learned where the template writes them, and never dropped in silence. */
    @Test
    void thoughtsBesideTheText() throws IOException {
        String line = TURNS.formatted("", "a", "")
                .replace("\"content\":\"a\"", "\"content\":\"a\",\"reasoning_content\":\"t\"");
        String template = "{% for m in messages %}<{{ m.role }}>"
                + "{% if m.reasoning_content %}{{ m.reasoning_content }}/{% endif %}{{ m.content }}"
                + "{% if m.role == 'assistant' %}<|im_end|>{% endif %}{% endfor %}"
                + "{% if add_generation_prompt %}<assistant>{% endif %}";
        assertThat(trained(template, line)).containsExactly("<user>q<assistant>[t/a<|im_end|>]");
        String named = line.replace("reasoning_content", "thinking");
        assertThat(trained(template.replace("reasoning_content", "thinking"), named))
                .containsExactly("<user>q<assistant>[t/a<|im_end|>]");
        assertThat(trained(template, named)).containsExactly("<user>q<assistant>[t/a<|im_end|>]");
        assertThat(invalid(line.replace("\"reasoning", "\"thinking\":\"t\",\"reasoning"))
                        .reasons())
                .singleElement()
                .asString()
                .contains("messages[1].thinking is another name of reasoning_content");
        Files.writeString(directory.resolve("chat_template.jinja"), template.replace("{{ m.reasoning_content }}/", ""));
        loadAgain();
        assertThat(invalid(line).reasons())
                .singleElement()
                .asString()
                .contains("messages[1].reasoning_content cannot be learned: the chat template leaves it out");
    }
}
