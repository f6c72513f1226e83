package io.tandem.server.api;

import static io.tandem.server.api.RequestField.Origin.LLAMA_CPP;
import static io.tandem.server.api.RequestField.Origin.OPENAI;
import static io.tandem.server.api.RequestField.Origin.TANDEM;
import static io.tandem.server.api.RequestField.Origin.VLLM;

import io.tandem.server.api.FieldType.Any;
import io.tandem.server.api.FieldType.Flag;
import io.tandem.server.api.FieldType.Name;
import io.tandem.server.api.FieldType.Positive;
import io.tandem.server.api.FieldType.Real;
import io.tandem.server.api.FieldType.Shape;
import io.tandem.server.api.FieldType.Text;
import io.tandem.server.api.FieldType.Tokens;
import io.tandem.server.api.FieldType.Whole;
import io.tandem.server.api.RequestField.Origin;
import io.tandem.server.api.RequestField.Route;
import io.tandem.server.api.RequestField.Support;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The fields of {@code /v1/completions}, {@code /v1/chat/completions} and {@code /v1/responses}: all that OpenAI and vLLM
 * define, those of llama.cpp that change what is sampled, and Tandem's own. What is refused, and docs/compatibility.md,
 * follow from it.
 */
public final class RequestFields {
    private static final Set<Route> EVERY = EnumSet.allOf(Route.class);
    private static final Set<Route> BOTH = EnumSet.of(Route.COMPLETIONS, Route.CHAT);
    private static final Set<Route> CHAT = EnumSet.of(Route.CHAT);
    private static final Set<Route> COMPLETIONS = EnumSet.of(Route.COMPLETIONS);
    private static final Set<Route> RESPONSES = EnumSet.of(Route.RESPONSES);
    private static final Set<Route> CHATS = EnumSet.of(Route.CHAT, Route.RESPONSES);

    private static final FieldType FALSE = new Flag(false);
    private static final FieldType TRUE = new Flag(true);
    private static final FieldType CHOICES = new Whole(1, GenerationParams.CHOICES_MAX);
    private static final FieldType LOGPROBS = new Whole(0, GenerationParams.LOGPROBS_MAX);
    private static final String UP_TO = "up to " + GenerationParams.LOGPROBS_MAX;
    private static final String SAME = "the same as `max_tokens`";
    private static final String TOOLS = "functions, if the chat template knows tools";
    private static final String CHOICE = "`auto`, `none`, `required`, or one function";

    private static final List<RequestField> ALL = all();

    private static final Map<Route, Map<String, RequestField>> BY_ROUTE = EVERY.stream()
            .collect(Collectors.toMap(
                    Function.identity(),
                    route -> ALL.stream()
                            .filter(field -> field.routes().contains(route))
                            .collect(Collectors.toMap(RequestField::name, Function.identity()))));

    private RequestFields() {}

    /** In the order in which people look for them. */
    public static List<RequestField> list() {
        return ALL;
    }

    /**
     * Refuses what would change the answer in a way that is not supported, and values that a field cannot have. What has
     * parts, and what depends on other fields, is left to the reader.
     *
     * @return the names of fields that nothing reads
     * @throws ApiException naming the field
     */
    static List<String> check(JsonBody body, Route route, RequestBounds bounds) {
        Map<String, RequestField> fields = Objects.requireNonNull(BY_ROUTE.get(route));
        List<String> ignored = new ArrayList<>();
        for (Iterator<String> names = body.node().fieldNames(); names.hasNext(); ) {
            String name = names.next();
            RequestField field = fields.get(name);
            if (field == null || field.support() == Support.IGNORED) {
                ignored.add(name);
            } else if (field.support() == Support.REFUSED) {
                body.refuseUnless(field.name(), field::asksForNothing, field.advice());
            } else {
                field.type().check(body, name, bounds);
            }
        }
        return ignored;
    }

    private static List<RequestField> all() {
        List<RequestField> all = new ArrayList<>();
        all.addAll(ofPrompts());
        all.addAll(ofSampling());
        all.addAll(ofAnswers());
        all.addAll(ofTools());
        all.addAll(ofResponses());
        all.addAll(ofAccounts());
        all.addAll(ofPeers());
        return List.copyOf(all);
    }

    private static List<RequestField> ofPrompts() {
        return List.of(
                required(
                        "model",
                        OPENAI,
                        EVERY,
                        new Text(1, GenerationParams.MODEL_CHARS_MAX),
                        "the base model, an adapter, several joined by `+`, or `auto`"),
                required("messages", OPENAI, CHAT, shape("ChatMessages"), "text only"),
                required(
                        "prompt",
                        OPENAI,
                        COMPLETIONS,
                        shape("Prompt"),
                        "a string, strings, token ids, or arrays of token ids"),
                refused("suffix", OPENAI, COMPLETIONS, "no model here fills in the middle", "\"\""),
                honoured("echo", OPENAI, COMPLETIONS, FALSE, "with `logprobs`, those of the prompt too"),
                honoured("add_special_tokens", VLLM, COMPLETIONS, TRUE, "default true"),
                honoured(
                        "truncate_prompt_tokens",
                        VLLM,
                        EVERY,
                        new Tokens(-1),
                        "keeps the last tokens; -1: as many as fit"),
                refused("echo", VLLM, CHAT, "send a completion request"),
                refused("documents", VLLM, CHATS, "write them into a message"),
                honoured("add_generation_prompt", VLLM, CHATS, TRUE, "default true"),
                honoured("continue_final_message", VLLM, CHATS, FALSE, "the answer goes on with the last message"),
                honoured(
                        "chat_template_kwargs",
                        VLLM,
                        CHATS,
                        shape("TemplateVariables"),
                        "variables of the template: `enable_thinking`"),
                refused("chat_template", VLLM, CHATS, "the model's own is used"),
                refused("mm_processor_kwargs", VLLM, CHATS, "text only"),
                refused("prompt_embeds", VLLM, COMPLETIONS, "text and tokens only"));
    }

    private static List<RequestField> ofSampling() {
        return List.of(
                honoured("temperature", OPENAI, EVERY, new Real(0, 2), "0 to 2"),
                honoured("top_p", OPENAI, EVERY, new Real(0, 1), "0 to 1"),
                honoured(
                        "seed",
                        OPENAI,
                        EVERY,
                        new Whole(Long.MIN_VALUE, Long.MAX_VALUE),
                        "64 bits; the same seed gives the same answer in any batch"),
                honoured("presence_penalty", OPENAI, EVERY, new Real(-2, 2), "-2 to 2"),
                honoured("frequency_penalty", OPENAI, EVERY, new Real(-2, 2), "-2 to 2"),
                honoured("logit_bias", OPENAI, EVERY, shape("LogitBias"), "-100 to 100, by token id"),
                honoured("top_k", VLLM, EVERY, new Whole(-1, Integer.MAX_VALUE), "0 or -1: all tokens"),
                honoured("min_p", VLLM, EVERY, new Real(0, 1), "0 to 1"),
                honoured(
                        "repetition_penalty",
                        VLLM,
                        EVERY,
                        new Positive(2),
                        "above 0, at most 2; counts the prompt too"),
                refused("use_beam_search", VLLM, EVERY, "raise `n`"),
                refused("length_penalty", VLLM, EVERY, "of beam search", "1", "1.0"),
                refused("allowed_token_ids", VLLM, EVERY, "use `logit_bias`"),
                refused("bad_words", VLLM, EVERY, "use `logit_bias`"),
                refused("logits_processors", VLLM, EVERY, "no code in requests"),
                refused("typical_p", LLAMA_CPP, EVERY, "use `top_p` or `min_p`", "1", "1.0"),
                refused("repeat_penalty", LLAMA_CPP, EVERY, "use `repetition_penalty`", "1", "1.0"),
                refused("dry_multiplier", LLAMA_CPP, EVERY, "", "0", "0.0"),
                refused("xtc_probability", LLAMA_CPP, EVERY, "", "0", "0.0"),
                refused("dynatemp_range", LLAMA_CPP, EVERY, "", "0", "0.0"),
                refused("mirostat", LLAMA_CPP, EVERY, "", "0"));
    }

    private static List<RequestField> ofAnswers() {
        return List.of(
                honoured("n", OPENAI, BOTH, CHOICES, "1 to " + GenerationParams.CHOICES_MAX),
                honoured("best_of", OPENAI, COMPLETIONS, CHOICES, "the best by mean log-probability; not streamed"),
                honoured("max_tokens", OPENAI, COMPLETIONS, new Tokens(0), "default 16 in completions"),
                honoured("max_tokens", OPENAI, CHAT, new Tokens(1), "default: to the end of the context"),
                honoured("max_completion_tokens", OPENAI, COMPLETIONS, new Tokens(0), SAME),
                honoured("max_completion_tokens", OPENAI, CHAT, new Tokens(1), SAME),
                honoured("stop", OPENAI, EVERY, shape("Stop"), "up to " + GenerationParams.STOPS_MAX + " strings"),
                honoured("min_tokens", VLLM, EVERY, new Tokens(0), "no end before"),
                honoured("stop_token_ids", VLLM, EVERY, shape("TokenIds"), "in addition to the model's end tokens"),
                honoured("ignore_eos", VLLM, EVERY, FALSE, "end tokens do not end the answer"),
                honoured("include_stop_str_in_output", VLLM, EVERY, FALSE, "the answer keeps what ended it"),
                honoured("logprobs", OPENAI, COMPLETIONS, LOGPROBS, UP_TO),
                honoured("logprobs", OPENAI, CHAT, FALSE, "in chats true or false"),
                honoured("top_logprobs", OPENAI, CHATS, LOGPROBS, UP_TO),
                honoured("prompt_logprobs", VLLM, BOTH, LOGPROBS, "of the prompt's tokens; not streamed"),
                honoured("return_token_ids", VLLM, BOTH, FALSE, "`prompt_token_ids` and `token_ids`"),
                honoured("skip_special_tokens", VLLM, EVERY, TRUE, "default true"),
                accepted("spaces_between_special_tokens", VLLM, EVERY, "no spaces are added"),
                refused("return_tokens_as_token_ids", VLLM, EVERY, "use `return_token_ids`"),
                honoured("stream", OPENAI, EVERY, FALSE, ""),
                honoured("stream_options", OPENAI, EVERY, shape("StreamOptions"), "`include_usage`"),
                refused("modalities", OPENAI, CHAT, "text only", "[\"text\"]"),
                refused("audio", OPENAI, CHAT, "text only"),
                honoured(
                        "reasoning_effort",
                        OPENAI,
                        CHAT,
                        ChatRendering.EFFORT,
                        "a variable of the chat template; `none` also sets `enable_thinking` to false"),
                refused("verbosity", OPENAI, CHAT, ""),
                accepted("prediction", OPENAI, CHAT, "only ever saves time"));
    }

    private static List<RequestField> ofTools() {
        return List.of(
                honoured(
                        "response_format",
                        OPENAI,
                        BOTH,
                        shape("ResponseFormat"),
                        "`text`, `json_object`, `json_schema`"),
                honoured(
                        "structured_outputs",
                        VLLM,
                        EVERY,
                        shape("StructuredOutputs"),
                        "`json`, `json_object`, `regex`, `choice`"),
                honoured("guided_json", VLLM, EVERY, shape("JsonSchema"), ""),
                honoured("guided_regex", VLLM, EVERY, new Text(0, StructuredOutput.PATTERN_CHARS_MAX), ""),
                honoured("guided_choice", VLLM, EVERY, shape("Choices"), ""),
                accepted("guided_decoding_backend", VLLM, EVERY, "there is one"),
                refused("guided_grammar", VLLM, EVERY, "use a schema or a regular expression"),
                refused("structural_tag", VLLM, EVERY, "use `tools`"),
                refused("grammar", LLAMA_CPP, EVERY, "use a schema or a regular expression", "\"\""),
                refused("json_schema", LLAMA_CPP, BOTH, "use `response_format`"),
                honoured("tools", OPENAI, CHAT, shape("Tools"), TOOLS),
                honoured("tools", OPENAI, RESPONSES, shape("FlatTools"), TOOLS),
                honoured("tool_choice", OPENAI, CHAT, shape("ToolChoice"), CHOICE),
                honoured("tool_choice", OPENAI, RESPONSES, shape("FlatToolChoice"), CHOICE),
                honoured("parallel_tool_calls", OPENAI, CHATS, TRUE, "false: one call in a forced answer"),
                refused("functions", OPENAI, CHAT, "OpenAI's former `tools`"),
                refused("function_call", OPENAI, CHAT, "OpenAI's former `tool_choice`", "\"none\"", "\"auto\""),
                refused("web_search_options", OPENAI, CHAT, ""));
    }

    /** What only the Responses API has, or what others have under another name there. */
    private static List<RequestField> ofResponses() {
        return List.of(
                required(
                        "input",
                        OPENAI,
                        RESPONSES,
                        shape("ResponseInput"),
                        "a string, or messages, thoughts, calls and their outputs"),
                honoured(
                        "instructions",
                        OPENAI,
                        RESPONSES,
                        new Text(0, ResponseParams.TEXT_CHARS_MAX),
                        "a system message before the others"),
                honoured("max_output_tokens", OPENAI, RESPONSES, new Tokens(1), "default: to the end of the context"),
                honoured(
                        "text",
                        OPENAI,
                        RESPONSES,
                        shape("TextFormat"),
                        "`format`: `text`, `json_object`, `json_schema`"),
                honoured("include", OPENAI, RESPONSES, shape("Include"), "`message.output_text.logprobs`"),
                honoured(
                        "truncation",
                        OPENAI,
                        RESPONSES,
                        new Name(List.of("disabled", "auto")),
                        "`auto` keeps the last tokens that fit"),
                honoured(
                        "reasoning",
                        OPENAI,
                        RESPONSES,
                        shape("Reasoning"),
                        "`effort`, as `reasoning_effort` of chats; thoughts come as items, without summaries"),
                accepted("max_tool_calls", OPENAI, RESPONSES, "of OpenAI's own tools"),
                refused("previous_response_id", OPENAI, RESPONSES, "not stored; send the whole conversation"),
                refused("conversation", OPENAI, RESPONSES, "not stored; send the whole conversation"),
                refused("background", OPENAI, RESPONSES, "an answer ends with its connection"),
                refused("prompt", OPENAI, RESPONSES, "send `input`"),
                refused("n", OPENAI, RESPONSES, "send several requests", "1"),
                refused("max_tokens", OPENAI, RESPONSES, "use `max_output_tokens`"),
                refused("max_completion_tokens", OPENAI, RESPONSES, "use `max_output_tokens`"),
                refused("response_format", OPENAI, RESPONSES, "use `text.format`"),
                refused("json_schema", LLAMA_CPP, RESPONSES, "use `text.format`"),
                refused("logprobs", OPENAI, RESPONSES, "use `include`"),
                refused("prompt_logprobs", VLLM, RESPONSES, ""),
                refused("return_token_ids", VLLM, RESPONSES, ""));
    }

    private static List<RequestField> ofAccounts() {
        return List.of(
                honoured(
                        "user",
                        OPENAI,
                        EVERY,
                        new Text(0, GenerationParams.USER_CHARS_MAX),
                        "requests of one user wait for each other first"),
                honoured(
                        "priority",
                        VLLM,
                        EVERY,
                        new Whole(Integer.MIN_VALUE, Integer.MAX_VALUE),
                        "lowest first, among the waiting requests of the same user"),
                honoured(
                        "early_exit",
                        TANDEM,
                        EVERY,
                        new Positive(1),
                        "above 0, at most 1; of recursive models: a token is drawn after the first loop where the most"
                                + " likely one has this probability"),
                honoured("adapters", TANDEM, EVERY, shape("AdapterNames"), "added up for this request"),
                honoured("merged_adapters", TANDEM, EVERY, shape("MergedAdapters"), "merged for this request"),
                accepted("metadata", OPENAI, EVERY, "not stored"),
                accepted("store", OPENAI, CHATS, "not stored"),
                accepted("service_tier", OPENAI, EVERY, ""),
                accepted("safety_identifier", OPENAI, EVERY, ""),
                accepted("prompt_cache_key", OPENAI, EVERY, "prefixes are reused anyway"),
                accepted("prompt_cache_retention", OPENAI, EVERY, ""),
                refused("cache_salt", VLLM, EVERY, "prefixes are shared by all who send them", "\"\""));
    }

    private static List<RequestField> ofPeers() {
        return List.of(
                ignored("request_id", VLLM, "send the header `X-Request-Id`"),
                ignored("kv_transfer_params", VLLM, ""),
                ignored("vllm_xargs", VLLM, ""),
                ignored("include_reasoning", VLLM, ""),
                ignored("cache_prompt", LLAMA_CPP, "prefixes are reused anyway"),
                ignored("id_slot", LLAMA_CPP, ""),
                ignored("n_keep", LLAMA_CPP, ""),
                ignored("n_probs", LLAMA_CPP, "use `logprobs`"),
                ignored("samplers", LLAMA_CPP, ""),
                ignored("timings_per_token", LLAMA_CPP, ""),
                ignored("lora", LLAMA_CPP, "use `model` or `adapters`"));
    }

    private static RequestField required(String name, Origin origin, Set<Route> routes, FieldType type, String note) {
        return new RequestField(name, origin, routes, Support.HONOURED, type, true, List.of(), note);
    }

    private static RequestField honoured(String name, Origin origin, Set<Route> routes, FieldType type, String note) {
        return new RequestField(name, origin, routes, Support.HONOURED, type, false, List.of(), note);
    }

    private static RequestField accepted(String name, Origin origin, Set<Route> routes, String note) {
        return new RequestField(name, origin, routes, Support.ACCEPTED, new Any(), false, List.of(), note);
    }

    private static RequestField refused(String name, Origin origin, Set<Route> routes, String note, String... neutral) {
        return new RequestField(name, origin, routes, Support.REFUSED, new Any(), false, List.of(neutral), note);
    }

    private static RequestField ignored(String name, Origin origin, String note) {
        return new RequestField(name, origin, EVERY, Support.IGNORED, new Any(), false, List.of(), note);
    }

    private static FieldType shape(String name) {
        return new Shape(name);
    }
}
