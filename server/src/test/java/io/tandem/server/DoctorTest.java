package io.tandem.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.testing.GgufModel;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.MainTest.Said;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code tandem doctor} on good, damaged and foreign models. */
class DoctorTest {
    @TempDir
    private Path model;

    @BeforeEach
    void write() throws IOException {
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1).write(model);
    }

    private Said doctor(String... flags) {
        List<String> arguments = new ArrayList<>(List.of("doctor", "--model", model.toString()));
        arguments.addAll(List.of(flags));
        Said said = MainTest.run(arguments.toArray(String[]::new));
        assertThat(said.out() + said.err()).doesNotContain("\tat ");
        return said;
    }

    private void change(String file, String old, String with) throws IOException {
        Path path = model.resolve(file);
        String text = Files.readString(path);
        assertThat(text).contains(old);
        Files.writeString(path, text.replaceFirst(Pattern.quote(old), with));
    }

    @Test
    void aModelThatCanBeServed() {
        Said said = doctor("--dtype", "float32", "--context-tokens", "64");
        assertThat(said.out()).contains("'" + model.getFileName() + "' can be served.");
        assertThat(said.status()).isZero();
        assertThat(said.out())
                .contains("LlamaForCausalLM", "tensors in F32", "computes in", "float32")
                .contains("64 tokens; the model's maximum is", "GB: weights", "end tokens", "temperature");
    }

    @Test
    void aGgufFile() throws IOException {
        TinyModel tiny = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1);
        model = model.resolve("tiny-Q8_0.gguf");
        new GgufModel("llama", tiny.config())
                .weights(tiny, GgufModel.Plain.F16)
                .file()
                .write(model);
        Said said = doctor("--dtype", "float32", "--context-tokens", "64");
        assertThat(said.out())
                .contains("'tiny-Q8_0' can be served.", "LlamaForCausalLM", "tensors in F16", "end tokens");
        assertThat(said.status()).isZero();
        byte[] bytes = Files.readAllBytes(model);
        Files.write(model, Arrays.copyOf(bytes, bytes.length - 1));
        assertThat(doctor().out()).contains("X model", "tiny-Q8_0.gguf", "ends beyond the file", "cannot be served");
        Files.writeString(model, "version https://git-lfs.github.com/spec/v1");
        assertThat(doctor().out()).contains("X model", "not a GGUF file");
    }

    @Test
    void jsonForPrograms() throws IOException {
        JsonNode json = new ObjectMapper().readTree(doctor("--json").out());
        assertThat(json.path("served").asBoolean()).isTrue();
        assertThat(json.path("findings").findValuesAsText("about")).contains("model", "weights", "memory", "sampling");
        assertThat(json.path("findings").findValuesAsText("weight")).doesNotContain("fault");
    }

    @Test
    void aModelThatIsNotThere() throws IOException {
        Files.delete(model.resolve("config.json"));
        Said said = doctor();
        assertThat(said.status()).isEqualTo(1);
        assertThat(said.err()).contains("there is no model in").contains("--model");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "config.json | LlamaForCausalLM | FalconForCausalLM | architectures is",
                "config.json | { | {\"quantization_config\":{\"quant_method\":\"fp8\"}, | --weight-form int8 or int4",
                "config.json | \"num_hidden_layers\" | \"num_layers\" | num_hidden_layers",
                "config.json | { | [ | config.json",
                "tokenizer.json | { | [ | tokenizer.json",
            })
    void faultsAreNamed(String file, String old, String with, String named) throws IOException {
        change(file, old, with);
        Said said = doctor();
        assertThat(said.status()).isEqualTo(1);
        assertThat(said.out()).contains("X ", named, "cannot be served");
    }

    @Test
    void weightsThatAreCut() throws IOException {
        Path file = model.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 5));
        Said said = doctor();
        assertThat(said.status()).isEqualTo(1);
        assertThat(said.out()).contains("X weights", "model.safetensors");
    }

    @Test
    void aTensorThatIsMissing() throws IOException {
        Path file = model.resolve("model.safetensors");
        String bytes = Files.readString(file, StandardCharsets.ISO_8859_1);
        Files.writeString(file, bytes.replace("model.norm.weight", "model.morn.weight"), StandardCharsets.ISO_8859_1);
        Said said = doctor();
        assertThat(said.status()).isEqualTo(1);
        assertThat(said.out()).contains("X weights", "model.norm.weight is missing");
    }

    @Test
    void moreMemoryThanThereIs() throws IOException {
        change("config.json", "\"max_position_embeddings\" : 512", "\"max_position_embeddings\" : 16777216");
        // Terabytes, which no machine of today has.
        Path settings = Files.writeString(model.resolve("settings.yaml"), "kernels:\n  kv-slots: 1000\n");
        Said said = doctor("--context-tokens", "16777216", "--config", settings.toString());
        assertThat(said.status()).isEqualTo(1);
        assertThat(said.out()).contains("X memory", "--weight-form", "kernels.kv-slots");
    }

    @Test
    void moreRowsOfSlotsThanCanBeCounted() throws IOException {
        change("config.json", "\"intermediate_size\" : 44", "\"intermediate_size\" : 16384");
        Path settings =
                Files.writeString(model.resolve("settings.yaml"), "kernels:\n  adapter-slots: 4090\n  max-rank: 512\n");
        Said said = doctor("--config", settings.toString());
        assertThat(said.status()).isEqualTo(1);
        assertThat(said.out()).contains("X memory", "lower kernels.adapter-slots or kernels.max-rank");
    }

    @Test
    void aTemplateThatCannotBeUsedIsAWarning() throws IOException {
        Files.writeString(model.resolve("chat_template.jinja"), "{% for message in %}");
        Said said = doctor();
        assertThat(said.status()).isZero();
        assertThat(said.out()).contains("! chats", "cannot be used", "can be served");
    }

    @Test
    void whatTheTemplateKnows() throws IOException {
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
                        + "{{ messages[0].content }}{{ tools }}<tool_call>");
        Said said = doctor();
        assertThat(said.out()).contains("! system messages", "no system", "calls are read as hermes writes them");
    }
}
