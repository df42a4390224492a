/** How devices are called in the field: by the serial number alone. */
export const FIELD_DEVICE_NAME = "<serial>";

/**
 * What a hub takes as a device's name: up to 128 of these, case-sensitive ("Understand the identity registry
 * in your IoT hub"); less `.` and `..`, which no URL can carry.
 */
export const DEVICE_NAME = /^(?!\.{1,2}$)[A-Za-z0-9\-:.+%_#*?!(),=@$']{1,128}$/;

/** A hub's host name, in public Azure and the national clouds. */
export const HUB_HOST_NAME = /^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?\.azure-devices\.(?:net|cn|us)$/i;
