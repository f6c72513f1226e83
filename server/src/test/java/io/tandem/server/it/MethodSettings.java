package io.tandem.server.it;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** What jobs over the tiny model and {@link TrainingFiles#chats} need to say beside a method's name. */
final class MethodSettings {
    private MethodSettings() {}

    /** All methods that the server describes. */
    static List<String> names(RunningServer server) throws Exception {
        return names(server, "Hyperparameters/properties/peft");
    }

    /** All choices of what of an adapter learns that the server describes. */
    static List<String> choices(RunningServer server) throws Exception {
        return names(server, "Learns/properties/type");
    }

    private static List<String> names(RunningServer server, String property) throws Exception {
        List<String> names = new ArrayList<>();
        server.json(server.get("/openapi.json"))
                .at("/components/schemas/" + property + "/enum")
                .forEach(name -> {
                    if (name.isTextual()) {
                        names.add(name.asText());
                    }
                });
        return names;
    }

    /** Members of the hyperparameters, behind a comma if there are any. */
    static String of(RunningServer server, String method) throws Exception {
        return switch (method) {
            case "prompt_tuning", "prefix_tuning" -> ",\"virtual_tokens\":5";
            case "olora" -> ",\"modules_to_save\":[\"lm_head\",\"embed_tokens\"]";
            case "svfit" -> ",\"rank\":12";
            case "alora" -> {
                JsonNode tokens = server.json(server.post("/tokenize", "{\"content\":\"is \"}"));
                yield ",\"invocation_tokens\":" + tokens.path("tokens");
            }
            default -> "";
        };
    }
}
